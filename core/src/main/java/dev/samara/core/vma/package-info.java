// SPDX-License-Identifier: Apache-2.0
/**
 * The VMA, its backing, and the geometry of a space.
 *
 * <p>A {@link dev.samara.core.vma.Vma} describes one range of addresses, and a {@link dev.samara.core.vma.Geometry} the
 * sizes of pages and of the space. A {@link dev.samara.core.vma.Backing} is the open file or the shared object behind a
 * VMA; the space calls it when the VMA is opened, split, faulted and closed. A {@link dev.samara.core.vma.PageCache}
 * holds the pages of a file in frames of a {@link dev.samara.core.vma.FrameStore}.
 *
 * <p>An embedder implements {@code Backing}, {@link dev.samara.core.vma.VmOperations} and {@code FrameStore}. {@code
 * Vma} and {@code PageCache} are sealed: only the library creates them.
 *
 * <p><b>Units.</b> Addresses are unsigned 64-bit byte addresses in a {@code long}. A range of addresses is half-open,
 * {@code [start, end)}. A page offset counts pages of the space's geometry from the start of the backing.
 *
 * <p><b>Threads.</b> Descriptions are immutable and may be shared freely. Many threads call a backing and a frame store
 * concurrently.
 *
 * <p><b>Stability.</b> This package is evolving: each minor version of 0.x may change it. From 1.0 on it is stable,
 * except for elements that are {@linkplain dev.samara.core.annotation.Experimental experimental}.
 */
@NullMarked
package dev.samara.core.vma;

import org.jspecify.annotations.NullMarked;
