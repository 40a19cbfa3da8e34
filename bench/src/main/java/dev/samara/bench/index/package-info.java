// SPDX-License-Identifier: Apache-2.0

/**
 * The structures that find the range that covers an address: Samara's tree and its peers. Each is written as its own
 * users would write it at its best, in a file of its own whose comment names its weakness.
 *
 * <p>All hold the same {@link dev.samara.bench.index.Range} objects and return them. A peer cannot hold a range, so it
 * holds the first address and compares the last. It relies on the absence of overlaps, where Samara cuts overlapping
 * ranges. Every structure is a {@link dev.samara.bench.index.RangeIndex}, {@link dev.samara.bench.index.EditableIndex}
 * adds updates. Only some are {@link dev.samara.bench.index.Scannable}, {@link dev.samara.bench.index.GapStore} or
 * {@link dev.samara.bench.index.Versioned}.
 *
 * <p>A benchmark's process requests one of them from {@link dev.samara.bench.index.Indexes} and loads no other. Each
 * call through the abstract classes then has one target and is inlined.
 *
 * <p>Addresses are below 2<sup>63</sup>, which spares the peers the unsigned comparison.
 */
@NullMarked
package dev.samara.bench.index;

import org.jspecify.annotations.NullMarked;
