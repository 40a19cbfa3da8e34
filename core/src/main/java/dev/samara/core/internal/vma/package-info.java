// SPDX-License-Identifier: Apache-2.0
/**
 * The part of a VMA that embedders do not see: its state word, the open of its backing, and its links to files.
 *
 * <p>An {@link dev.samara.core.internal.vma.Attachable} (the only subclass is the VMA) is <em>fresh</em> when it is
 * created. It is <em>attached</em> before the tree that has it is published, and <em>detached</em> forever after a tree
 * without it has been published. While it is attached, any thread may acquire a reference; no thread ever waits for a
 * reference to be released. {@link dev.samara.core.internal.vma.Life} has the transitions.
 *
 * <pre>
 *     fresh --attach--> attached --detach--> detached, retiring --unhold--> detached
 *                       keep, release        release                        release
 * </pre>
 *
 * <p>Each object has a share in an {@link dev.samara.core.internal.vma.Open} of its backing. The thread that brings the
 * state word to <em>detached, not retiring, no references</em> drops the share. That happens once, since no transition
 * leads away from there. The last share ends the open.
 *
 * <p>A VMA that belongs to an operation in flight has that operation's {@link dev.samara.core.internal.sync.Gate}. The
 * gate is independent of references, which only keep the backing open.
 */
@NullMarked
package dev.samara.core.internal.vma;

import org.jspecify.annotations.NullMarked;
