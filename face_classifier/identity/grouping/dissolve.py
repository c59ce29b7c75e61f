"""Small clusters come apart: their tracks go to the people that they are near to, one by one.

A small cluster beside a large one is often what a person looks like in a few pictures, or two whom chance joined.
Against the mean of many faces its tracks are known better one by one, but for those that are nearer to their fellows:
these go together or not at all. Of a stranger the nearest of several people is hardly nearer than the second, so what
the second is farther speaks for the nearest.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from face_classifier.identity.grouping.clusters import Clusters, Grouping
from face_classifier.identity.grouping.measure import Grid, Points, Visits, are_strangers, margin
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Floats, Ints, squares

_SEVERAL = 3  # people, of whom the second nearest tells something about the nearest


def dissolve(start: Grouping, grouping: Grouping, rule: Rule) -> Grouping:
    """Let the tracks of clusters lighter than ``rule.lasting`` go to the people they are nearest to, if near enough.

    Tracks that the user put together go together; whoever has a name stays whole; none goes where somebody is whom it
    is apart from.

    Parameters
    ----------
    start: the tracks as they began: alone, or together for certain.
    grouping: the same tracks in clusters.
    rule: of their encoder.
    """
    clusters = grouping.clusters
    part = np.zeros(len(start.clusters), np.int64)
    part[start.of] = grouping.of  # (parts,) the cluster of each part of the start
    lasting = clusters.sums.weight >= rule.lasting
    hosts, small = np.flatnonzero(lasting), np.flatnonzero(~(lasting | clusters.named))
    if not len(hosts) or not len(small):
        return grouping
    parts = start.clusters[np.arange(len(part))]
    parts.crowd, parts.alone, parts.scene = clusters.crowd[part], clusters.alone[part], clusters.scene[part]
    visits = _visits(parts, clusters, part, hosts, small, rule)
    seeing = replace(start, clusters=replace(start.clusters, crowd=parts.crowd, alone=parts.alone))
    return seeing.joined(np.unique(_homes(start, part, visits), return_inverse=True)[1])


def _visits(parts: Clusters, clusters: Clusters, part: Ints, hosts: Ints, small: Ints, rule: Rule) -> Visits:
    """Which parts may go to which people, at distances below the limit.

    ``parts``: with what their clusters see around them. ``small``: the clusters that may come apart.
    """
    limit = rule.among(int((clusters.sums.weight >= rule.founding).sum()))  # a stranger may be any of them, not a host
    fellows = _to_fellows(parts, clusters, part, rule)
    one_by_one = _near(parts, np.flatnonzero(np.isin(part, small)), clusters, hosts, rule, limit)
    is_own = one_by_one.distance <= fellows[one_by_one.guest]
    one_by_one = _judged(one_by_one, parts, clusters, hosts, rule).only(is_own)
    groups = _judged(_near(clusters, small, clusters, hosts, rule, limit), clusters, clusters, hosts, rule)
    groups = groups.only(groups.distance < limit)
    together = _of_each(groups, part)
    by_itself = _to_people(parts, together.guest, clusters, together.host, rule)
    together = together.only(fellows[together.guest] < by_itself)
    visits = one_by_one.and_also(together)
    is_light = clusters.sums.weight[part[visits.guest]] * rule.ratio <= clusters.sums.weight[visits.host]
    return visits.only(is_light & (visits.distance < limit))


def _of_each(groups: Visits, part: Ints) -> Visits:
    """Visits of clusters as visits of the parts that they are made of."""
    members = np.argsort(part, kind="stable")
    first = np.searchsorted(part[members], groups.guest)
    sizes = np.searchsorted(part[members], groups.guest, side="right") - first
    place = np.repeat(first - np.cumsum(sizes) + sizes, sizes) + np.arange(int(sizes.sum()))
    visit = np.repeat(np.arange(len(sizes)), sizes)
    return groups.only(visit)._replace(guest=members[place])


def _to_people(guests: Clusters, guest: Ints, clusters: Clusters, host: Ints, rule: Rule) -> Floats:
    """(pairs,) how far guests are from the means of people."""
    square = squares(guests.sums.mean, guest, clusters.sums.mean, host) + guests.sums.scatter[guest]
    doubt = np.minimum(guests.sums.doubt[guest], clusters.sums.doubt[host])
    return np.asarray(np.sqrt(square) + margin(guests, rule)[guest] + margin(clusters, rule)[host] + doubt)


def _to_fellows(parts: Clusters, clusters: Clusters, part: Ints, rule: Rule) -> Floats:
    """(parts,) how far each is from the mean of the others of its cluster; inf where there are none."""
    weight, whole = parts.sums.weight, clusters.sums.weight[part]
    every = np.arange(len(part))
    others = np.where(clusters.tracks[part] > parts.tracks, whole - weight, np.nan)
    square = squares(parts.sums.mean, every, clusters.sums.mean, part) * (whole / others) ** 2 + parts.sums.scatter
    doubt = np.minimum(parts.sums.doubt, clusters.sums.doubt[part])
    return np.nan_to_num(np.sqrt(square) + 2 * margin(parts, rule) + doubt, nan=np.inf)


def _near(guests: Clusters, some: Ints, clusters: Clusters, hosts: Ints, rule: Rule, limit: float) -> Visits:
    """Which of ``some`` guests are near to which people, and whoever is next to them.

    ``limit``: the distance, L2, below which they count, before it is `_judged`.
    """
    sums, nothing = guests.sums, np.zeros(len(hosts))
    grid = Grid(
        Points(sums.mean[some], sums.scatter[some], margin(guests, rule)[some]),
        Points(clusters.sums.mean[hosts], nothing, margin(clusters, rule)[hosts]),
        within := limit + 2 * rule.lead,
    )
    found = [np.zeros((2, 0), np.int64)]
    for tile in grid.tiles():
        row, column = grid.near(tile, within)
        found.append(np.stack([some[row], hosts[column]]))
    guest, host = np.concatenate(found, axis=1)
    return Visits(guest, host, _to_people(guests, guest, clusters, host, rule))


def _judged(visits: Visits, guests: Clusters, clusters: Clusters, hosts: Ints, rule: Rule) -> Visits:
    """The same with distances that count: nearer by what the next person is farther, farther for want of a cohort."""
    strangers = are_strangers(guests.scene[visits.guest], clusters.scene[visits.host])
    lonely = strangers * (guests.alone[visits.guest] + clusters.alone[visits.host]) / 2
    known = 1 - strangers * guests.alone[visits.guest]
    lead = _lead(visits, rule.lead) * known if len(hosts) >= _SEVERAL else 0.0
    return visits._replace(distance=visits.distance - lead + rule.lonely * lonely)


def _lead(visits: Visits, most: float) -> Floats:
    """(visits,) by how much the nearest person of each guest is nearer than the next; 0 for the others."""
    order = np.lexsort((visits.host, visits.distance, visits.guest))
    who, far = visits.guest[order], visits.distance[order]
    first = np.flatnonzero(np.diff(who, prepend=-1))
    following = np.append(who, -1)[first + 1] == who[first]
    gap = np.where(following, np.append(far, np.inf)[first + 1] - far[first], most)
    lead = np.zeros(len(who))
    lead[order[first]] = np.minimum(gap, most)
    return lead


def _homes(start: Grouping, part: Ints, visits: Visits) -> Ints:
    """(parts,) the cluster that each is in at last: the nearest visits come first."""
    links = np.vstack([start.cannot_links, start.cannot_links[:, ::-1]])
    there = np.unique(links[:, 0] * len(part) + part[links[:, 1]])  # somebody in that cluster is another person
    visits = visits.only(~np.isin(visits.guest * len(part) + visits.host, there))
    is_guest = np.bincount(visits.guest, minlength=len(part)) > 0
    apart: dict[int, set[int]] = defaultdict(set)
    for one, other in links[is_guest[links].all(axis=1)].tolist():
        apart[one].add(other)
    forbidden: set[tuple[int, int]] = set()
    home, gone = part.copy(), set[int]()
    order = np.lexsort((visits.host, visits.guest, visits.distance))
    for guest, host in zip(visits.guest[order].tolist(), visits.host[order].tolist(), strict=True):
        if guest not in gone and (guest, host) not in forbidden:
            gone.add(guest)
            home[guest] = host
            forbidden |= {(other, host) for other in apart.get(guest, ())}
    return home
