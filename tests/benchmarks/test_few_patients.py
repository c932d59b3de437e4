"""What the benchmark of few patients keeps of what was measured before."""

from benchmarks import few_patients


def row(patients, seeds, bits):
    return {"patients": patients, "seeds": seeds, "bits_per_code": bits}


def test_numbers_of_patients_that_are_not_measured_again_stay_as_they_are():
    known = [row(8, 1, 2.0), row(120, 3, 1.8)]
    found = few_patients.with_known([row(30, 3, 1.9), row(8, 3, 2.1)], known)
    assert found == [row(8, 3, 2.1), row(30, 3, 1.9), row(120, 3, 1.8)]


def test_a_number_measured_with_fewer_seeds_than_before_stays_as_it_is():
    known = [row(120, 3, 1.8)]
    assert few_patients.with_known([row(120, 1, 1.7)], known) == known
    assert few_patients.with_known([row(120, 3, 1.7)], known) == [row(120, 3, 1.7)]


def test_a_row_names_the_commit_that_measured_it():
    first = few_patients.of_commit([row(8, 1, 2.0)], "abc")
    assert few_patients.of_commit(first, "def") == first
    assert first[0]["commit"] == "abc"
