// SPDX-License-Identifier: Apache-2.0
/**
 * The implementation of the VMA, which embedders do not see: its state word, the open of its backing, its {@code
 * anon_vma} and its link to a file.
 *
 * <p>A {@link dev.samara.core.internal.vma.VmArea}, the only subclass of {@link dev.samara.core.vma.Vma}, is
 * <em>fresh</em> when it is created. It becomes <em>attached</em> before the publication of the tree that has it, and
 * <em>detached</em> forever after the publication of a tree without it. While it is attached, any thread may acquire a
 * reference; no thread ever waits for a reference to be released.
 *
 * <p>Each VMA has a share in an {@link dev.samara.core.internal.vma.Open} of its backing, or needs none. The last share
 * ends the open.
 *
 * <p>A VMA that belongs to an operation in flight has that operation's {@link dev.samara.core.internal.sync.Gate}. The
 * gate is independent of references, which only keep the backing open.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What tells a reader that its VMA has left the tree?</td>
 *       <td>{@link dev.samara.core.internal.vma.VmArea}; a fault asks {@code VmaRecheck} of {@code
 *       internal.fault}</td></tr>
 *   <tr><td>What closes a backing, and when?</td>
 *       <td>{@link dev.samara.core.internal.vma.Open}</td></tr>
 *   <tr><td>What decides whether anonymous VMAs may be joined?</td>
 *       <td>{@link dev.samara.core.internal.vma.AnonVma}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.vma;

import org.jspecify.annotations.NullMarked;
