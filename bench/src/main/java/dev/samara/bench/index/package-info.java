// SPDX-License-Identifier: Apache-2.0

/**
 * The structures that answer which range covers an address: Samara's tree, and its peers, each as its own users would
 * write it at its best, in a file of its own whose comment says where it is weak.
 *
 * <p>All hold the same {@link dev.samara.bench.index.Range} objects and hand them back. A peer cannot hold a range, so
 * it holds the first address and compares the last; it relies on ranges not to overlap, where Samara cuts what is in
 * the way. {@link dev.samara.bench.index.RangeIndex} is what every one can, {@link
 * dev.samara.bench.index.EditableIndex} adds updates; {@link dev.samara.bench.index.Scannable}, {@link
 * dev.samara.bench.index.GapStore} and {@link dev.samara.bench.index.Versioned} are what only some can.
 *
 * <p>A benchmark's process asks {@link dev.samara.bench.index.Indexes} for one of them and loads no other, so that each
 * call through the abstract classes has one target and is inlined as if it were written out.
 *
 * <p>Addresses are below 2<sup>63</sup>, which spares the peers the unsigned comparison.
 */
@NullMarked
package dev.samara.bench.index;

import org.jspecify.annotations.NullMarked;
