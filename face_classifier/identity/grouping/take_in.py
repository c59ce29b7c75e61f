"""People take in the small clusters beside them, whole.

A face too far from some faces of a various person, and so from all on average, may still be near to the mean.
"""

from __future__ import annotations

import numpy as np

from face_classifier.identity.grouping.clusters import Clusters, Grouping
from face_classifier.identity.grouping.measure import Grid, Points, Visits, margin, shared_doubt, strangeness
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Ints, distinct, holds, squares


def take_in(grouping: Grouping, rule: Rule) -> Grouping:
    """Let people take in the small clusters beside them, the nearest first."""
    count = len(grouping.clusters)
    clusters, cannot_links = grouping.clusters[np.arange(count)], grouping.cannot_links
    into, left = np.arange(count), np.arange(count)
    people = np.flatnonzero((clusters.sums.weight >= rule.founding) | clusters.named)
    visits = _visits(clusters, left, people, cannot_links, rule)
    while len((taken := _nearest(visits)).guest):
        now = clusters.join_pairs(taken.host, taken.guest)
        into, cannot_links = now[into], distinct(now[cannot_links], count)
        left, people = left[now[left] == left], people[now[people] == people]
        changed = np.zeros(count, bool)
        changed[taken.guest] = changed[taken.host] = True
        visits = visits.only(~(changed[visits.guest] | changed[visits.host])).and_also(
            _visits(clusters, left, taken.host, cannot_links, rule),
            _visits(clusters, taken.host, people[~changed[people]], cannot_links, rule),
        )
    return grouping.keeping(clusters, into)


def _visits(clusters: Clusters, guests: Ints, hosts: Ints, cannot_links: Ints, rule: Rule) -> Visits:
    """Which of the clusters ``guests`` are near to which of the people ``hosts`` that may take them in."""
    sums, added, count = clusters.sums, margin(clusters, rule), len(clusters)
    none = Visits(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    found = []
    guests = guests[~clusters.named[guests]]
    guests = guests[sums.weight[guests] * rule.ratio <= sums.weight[hosts].max(initial=0.0)]
    if not len(guests):
        return none
    homes = sums.mean[hosts], rule.spread * sums.scatter[hosts], added[hosts]
    limit = min(rule.guests, rule.limit)
    grid = Grid(Points(sums.mean[guests], sums.scatter[guests], added[guests]), Points(*homes), limit)
    for tile in grid.tiles():
        row, column = grid.near(tile, limit)
        guest, host = guests[row], hosts[column]
        may = (sums.weight[guest] * rule.ratio <= sums.weight[host]) & (guest != host)
        may &= ~holds(cannot_links, guest, host, count)
        guest, host = guest[may], host[may]
        square = squares(sums.mean, guest, sums.mean, host) + (sums.scatter[guest] + rule.spread * sums.scatter[host])
        distance = np.sqrt(square) + (added[guest] + added[host]) + shared_doubt(clusters, guest, host)
        distance += strangeness(clusters, guest, host, rule)
        found.append(Visits(guest, host, distance).only(distance < limit))
    return none.and_also(*found)


def _nearest(visits: Visits) -> Visits:
    """Each guest to the nearest person, the nearest first, as far as neither has had a part in it.

    Two guests of one person may have to stay apart, and each moves the mean.
    """
    order = np.lexsort((visits.host, visits.guest, visits.distance))
    at_home = order[np.sort(np.unique(visits.guest[order], return_index=True)[1])]
    busy: set[int] = set()
    taken = []
    for visit, guest, host in zip(
        at_home.tolist(), visits.guest[at_home].tolist(), visits.host[at_home].tolist(), strict=True
    ):
        if guest not in busy and host not in busy:
            busy |= {guest, host}
            taken.append(visit)
    return visits.only(np.array(taken, np.int64))
