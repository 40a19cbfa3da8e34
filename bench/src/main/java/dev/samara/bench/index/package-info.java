// SPDX-License-Identifier: Apache-2.0

/**
 * The structures that find the range that covers an address: Samara's tree and its peers. Each is used in the best way
 * that its users know, and has its own file, whose comment names its weakness.
 *
 * <p>All of them store and return the same {@link dev.samara.bench.index.Range} objects. Most peers support no ranges
 * as keys, so their key is the first address, and a lookup compares the last one. They rely on the absence of overlaps,
 * whereas Samara cuts overlapping ranges. Every structure is a {@link dev.samara.bench.index.RangeIndex}, {@link
 * dev.samara.bench.index.EditableIndex} adds updates. Only some are {@link dev.samara.bench.index.Scannable}, {@link
 * dev.samara.bench.index.GapStore} or {@link dev.samara.bench.index.Versioned}.
 *
 * <p>A benchmark's process requests one structure from {@link dev.samara.bench.index.Indexes} and loads no other one.
 * So each call through the abstract classes has one target and is inlined.
 *
 * <p>Addresses are below 2<sup>63</sup>, so the peers need no unsigned comparison.
 */
@NullMarked
package dev.samara.bench.index;

import org.jspecify.annotations.NullMarked;
