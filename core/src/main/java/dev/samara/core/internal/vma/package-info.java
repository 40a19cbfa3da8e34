// SPDX-License-Identifier: Apache-2.0
/**
 * The implementation of VMAs, hidden from embedders: the state word, the backing's open, the {@code anon_vma} and the
 * link to a file.
 *
 * <p>A {@link dev.samara.core.internal.vma.VmArea}, the only subclass of {@link dev.samara.core.vma.Vma}, is
 * <em>fresh</em> when it is created. It becomes <em>attached</em> before the first tree that contains it is published,
 * and <em>detached</em>, permanently, after a tree without it is published. While it is attached, any thread may
 * acquire a reference. No thread ever waits for a reference to be released.
 *
 * <p>A VMA whose backing needs an open shares an {@link dev.samara.core.internal.vma.VmArea.Open} with other VMAs.
 * Releasing the last share ends the open.
 *
 * <p>A VMA that belongs to an operation in flight refers to that operation's {@link
 * dev.samara.core.internal.sync.Gate}. The gate is independent of references, which only keep the backing open.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>How does a reader find out that its VMA is no longer in the tree?</td>
 *       <td>{@link dev.samara.core.internal.vma.VmArea}; in a fault {@code Faulter.recheck} of {@code
 *       internal.fault}</td></tr>
 *   <tr><td>What closes a backing, and when?</td>
 *       <td>{@link dev.samara.core.internal.vma.VmArea.Open}</td></tr>
 *   <tr><td>What decides whether anonymous VMAs may be merged?</td>
 *       <td>{@link dev.samara.core.internal.vma.VmArea.AnonVma}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.vma;

import org.jspecify.annotations.NullMarked;
