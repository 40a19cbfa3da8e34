// SPDX-License-Identifier: Apache-2.0
/**
 * Ready-made backings with memory, and a base class for an embedder's own backings.
 *
 * <p>A {@link dev.samara.core.backing.MemoryFile} is a file that exists in memory only, like a file of {@code
 * memfd_create}. A {@link dev.samara.core.backing.HostFile} is an open of a host file. An embedder whose pages come
 * from elsewhere extends {@link dev.samara.core.backing.CachedBacking} and implements how a page is read.
 *
 * <p><b>Stability.</b> This package is evolving: each minor version of 0.x may change it. From 1.0 on it is stable,
 * except for elements that are {@linkplain dev.samara.core.annotation.Experimental experimental}.
 */
@NullMarked
package dev.samara.core.backing;

import org.jspecify.annotations.NullMarked;
