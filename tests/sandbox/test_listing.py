"""Lists page, sort and filter as the reference page of recurring order copies says, and refuse everything else."""

from collections.abc import Iterator

import httpx
import pytest

from service.sandbox import Sandbox

from .conftest import Api, client_of, http

SORTABLE = (
    "status", "started_at", "completed_at", "failed_at", "errors_count",
    "id", "created_at", "updated_at", "reference", "reference_origin",
)  # fmt: skip
FILTERABLE = (*SORTABLE, "metadata")
RELATIONSHIPS = ("source_order", "target_order", "events", "order_subscription")
PATH = "recurring_order_copies"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One for the whole file, because nothing here changes anything."""
    with Sandbox(step_seconds=0.0) as running:
        yield running


@pytest.fixture(scope="module")
def api(sandbox: Sandbox) -> Iterator[Api]:
    """A client of it."""
    with client_of(sandbox) as client:
        yield client


@pytest.fixture(scope="module")
def renewals(sandbox: Sandbox) -> list[dict]:
    """Twelve renewals of one subscription, the last two of which failed."""
    first = sandbox.play("good-renewal")
    again = {"subscription": first["order_subscription"]}
    made = [first, *(sandbox.play("good-renewal", **again) for _ in range(9))]
    return made + [sandbox.play("failing-renewal", **again) for _ in range(2)]


def _ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


def _refused(answer: httpx.Response) -> None:
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["errors"]
    assert error["code"] == "KEY_NOT_INCLUDED_IN_URL"
    assert error["status"] == "400"


def test_a_page_has_ten_unless_told_otherwise_and_links_to_its_neighbours(api: Api, renewals: list) -> None:
    first = api.get(f"{PATH}/").json()
    base = f"{api.client.base_url}/api/{PATH}"
    assert len(first["data"]) == 10
    assert first["meta"] == {"record_count": 12, "page_count": 2}
    assert first["links"] == {
        "first": f"{base}?page[number]=1&page[size]=10",
        "next": f"{base}?page[number]=2&page[size]=10",
        "last": f"{base}?page[number]=2&page[size]=10",
    }
    second = http.get(first["links"]["next"], headers=api.client.headers).json()
    assert len(second["data"]) == 2
    assert second["links"]["prev"] == first["links"]["first"]
    assert "next" not in second["links"]


def test_links_keep_the_filter_and_the_sort(api: Api, renewals: list) -> None:
    parameters = {"page[size]": "5", "filter[q][status_in]": "completed,failed", "sort": "-updated_at,id"}
    seen, address = [], f"{api.client.base_url}/api/{PATH}"
    answer = api.client.get(address, params=parameters)
    while True:
        seen += _ids(answer)
        following = answer.json()["links"].get("next")
        if following is None:
            break
        answer = api.client.get(following)
    order = [(attributes["updated_at"], id_) for id_, attributes in ((id_, api.attributes(PATH, id_)) for id_ in seen)]
    assert sorted(seen) == sorted(made["recurring_order_copy"] for made in renewals)
    assert [moment for moment, _id in order] == sorted((moment for moment, _id in order), reverse=True)


def test_a_page_beyond_the_end_is_empty(api: Api, renewals: list) -> None:
    assert _ids(api.get(PATH, **{"page[number]": "9"})) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page[size]", "26"),
        ("page[size]", "0"),
        ("page[size]", "many"),
        ("page[number]", "0"),
        ("page[number]", "-1"),
        ("page[offset]", "1"),
        ("page", "1"),
        ("limit", "5"),
    ],
)
def test_pages_that_do_not_exist_are_refused(api: Api, name: str, value: str) -> None:
    _refused(api.get(PATH, **{name: value}))


def test_the_largest_page_has_25(api: Api, renewals: list) -> None:
    assert len(_ids(api.get(PATH, **{"page[size]": "25"}))) == 12


@pytest.mark.parametrize("field", SORTABLE)
def test_every_sortable_field_sorts_both_ways(api: Api, renewals: list, field: str) -> None:
    def values(sort: str) -> list:
        data = api.get(PATH, sort=sort, **{"page[size]": "25"}).json()["data"]
        return [one["id"] if field == "id" else one["attributes"][field] for one in data]

    ascending = [value for value in values(field) if value is not None]
    assert ascending == sorted(ascending)
    descending = [value for value in values(f"-{field}") if value is not None]
    assert descending == ascending[::-1]


@pytest.mark.parametrize("field", ["type", "metadata", "place_target_order", "errors_log", "source_order", "nothing"])
def test_no_other_field_sorts(api: Api, field: str) -> None:
    _refused(api.get(PATH, sort=field))


@pytest.mark.parametrize("field", FILTERABLE)
def test_every_filterable_attribute_filters(api: Api, renewals: list, field: str) -> None:
    present = set(_ids(api.get(PATH, **{f"filter[q][{field}_present]": "true", "page[size]": "25"})))
    absent = set(_ids(api.get(PATH, **{f"filter[q][{field}_blank]": "true", "page[size]": "25"})))
    assert not present & absent
    assert present | absent == {made["recurring_order_copy"] for made in renewals}


@pytest.mark.parametrize("relationship", RELATIONSHIPS)
def test_every_filterable_relationship_filters_by_its_id(api: Api, renewals: list, relationship: str) -> None:
    one = api.get(f"{PATH}/{renewals[0]['recurring_order_copy']}", include=relationship).json()
    linkage = one["data"]["relationships"][relationship]["data"]
    id_ = linkage[0]["id"] if isinstance(linkage, list) else linkage["id"]
    found = _ids(api.get(PATH, **{f"filter[q][{relationship}_id_eq]": id_, "page[size]": "25"}))
    assert renewals[0]["recurring_order_copy"] in found
    shared = relationship in ("source_order", "order_subscription")
    assert len(found) == (12 if shared else 1)


@pytest.mark.parametrize(
    "key",
    ["type_eq", "place_target_order_true", "errors_log_present", "status", "status_like", "_eq", "market_id_eq", "eq"],
)
def test_no_other_filter_is_accepted(api: Api, key: str) -> None:
    _refused(api.get(PATH, **{f"filter[q][{key}]": "x"}))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("status_eq", "failed", 2),
        ("status_not_eq", "failed", 10),
        ("status_in", "failed,completed", 12),
        ("status_not_in", "failed,completed", 0),
        ("errors_count_gt", "0", 2),
        ("errors_count_gteq", "0", 12),
        ("errors_count_lt", "1", 10),
        ("errors_count_lteq", "1", 12),
        ("failed_at_null", "true", 10),
        ("failed_at_not_null", "true", 2),
        ("failed_at_null", "false", 2),
        ("created_at_gteq", "2020-01-01", 12),
        ("created_at_lt", "2020-01-01T00:00:00Z", 0),
        ("created_at_gteq", "0005-01-01", 12),
        ("created_at_gt", "2020-01-01T00:00:00.123456+02:00", 12),
        ("status_start", "comp", 10),
        ("status_end", "led", 2),
        ("status_cont", "LET", 10),
        ("status_matches", "fail%", 2),
        ("status_matches", "fail__", 2),
        ("status_eq_any", "failed,pending", 2),
        ("status_cont_all", "f,ed", 2),
        ("status_or_reference_cont", "fail", 2),
        ("order_subscription_status_eq", "active", 12),
        ("target_order_status_eq", "pending", 2),
    ],
)
def test_predicates_mean_what_they_say(api: Api, renewals: list, key: str, value: str, expected: int) -> None:
    assert len(_ids(api.get(PATH, **{f"filter[q][{key}]": value, "page[size]": "25"}))) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("created_at_gt", "soon"),
        ("created_at_gt", "0001-01-01T00:00+14:00"),
        ("errors_count_eq", "two"),
        ("failed_at_null", "perhaps"),
    ],
)
def test_values_of_another_kind_are_refused(api: Api, key: str, value: str) -> None:
    _refused(api.get(PATH, **{f"filter[q][{key}]": value}))


def test_order_copies_cannot_be_filtered_by_their_subscription(api: Api) -> None:
    _refused(api.get("order_copies", **{"filter[q][order_subscription_id_eq]": "nZvYhWxKqB"}))


@pytest.mark.parametrize(
    "parameters",
    [{"include": "nothing"}, {"include": "event_stores"}, {"fields[orders]": "nothing"}, {"fields[skus]": "code"}],
)
def test_includes_and_fields_that_do_not_exist_are_refused(api: Api, parameters: dict) -> None:
    _refused(api.get("order_copies", **parameters))


def test_moments_compare_to_the_millisecond_and_between_two_of_them(api: Api, renewals: list) -> None:
    id_ = renewals[0]["recurring_order_copy"]
    stamp = api.attributes(PATH, id_)["updated_at"]

    def found(predicate: str, value: str) -> bool:
        return id_ in _ids(api.get(PATH, **{f"filter[q][updated_at_{predicate}]": value, "page[size]": "25"}))

    finer = stamp.replace("Z", "456Z")
    assert found("eq", stamp)
    assert found("gteq", stamp)
    assert not found("gt", stamp)
    assert found("lt", finer)
    assert not found("gteq", finer)
    assert not found("eq", finer)
