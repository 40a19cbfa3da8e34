// SPDX-License-Identifier: Apache-2.0

/**
 * The structures that find the range that covers an address: Samara's tree and its peers. Each is used as well as its
 * users know how to, and its class comment names its weakness.
 *
 * <p>All of them store and return the same {@link dev.samara.bench.index.Range} objects. Most peers do not support
 * ranges as keys, so their key is the first address, and a lookup checks the last address. They rely on the absence of
 * overlaps, whereas Samara cuts overlapping ranges. All structures extend {@link dev.samara.bench.index.RangeIndex};
 * {@link dev.samara.bench.index.EditableIndex} adds updates. Only some are {@link dev.samara.bench.index.Scannable},
 * {@link dev.samara.bench.index.GapStore} or {@link dev.samara.bench.index.Versioned}.
 *
 * <p>A benchmark's process requests one structure from {@link dev.samara.bench.index.Indexes}, and loads no other. So
 * each call through the abstract classes has only one target, and is inlined.
 *
 * <p>Addresses are below 2<sup>63</sup>, so the peers need no unsigned comparison.
 */
@NullMarked
package dev.samara.bench.index;

import org.jspecify.annotations.NullMarked;
