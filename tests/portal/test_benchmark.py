"""What `make bench-portal` makes for itself, so that pages to which no link leads are measured too."""

from contextlib import closing

from benchmarks import portal_work


def test_it_proposes_a_change_and_leaves_another_to_be_proposed(maintained):
    with closing(maintained.as_role("data_office")) as browser:
        assert portal_work.propose(browser)
        assert 'href="/maintain/proposals/1"' in browser.get("/maintain").text
        proposal = browser.get("/maintain/proposals/1")
        assert proposal.status_code == 200 and "<ins>试验 " in proposal.text
        assert 'href="/maintain/wishes/2"' in browser.get("/maintain/new").text
