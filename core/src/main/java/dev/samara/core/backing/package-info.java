// SPDX-License-Identifier: Apache-2.0
/**
 * Ready-made backings with memory, and the base class of an embedder's own.
 *
 * <p>A {@link dev.samara.core.backing.MemoryFile} is a file that exists in memory only, as {@code memfd_create} makes
 * it. Who has pages elsewhere extends {@link dev.samara.core.backing.CachedBacking} and says how one is read.
 */
@NullMarked
package dev.samara.core.backing;

import org.jspecify.annotations.NullMarked;
