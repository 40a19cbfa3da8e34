// SPDX-License-Identifier: Apache-2.0
/**
 * How long things live: the state word of a VMA, and the open of its backing.
 *
 * <p>A {@link dev.samara.core.life.Attachable} (the one kind is the VMA) is made <em>fresh</em>, is <em>attached</em>
 * before the tree that holds it is published, and is <em>detached</em>, for ever, once a tree without it has been.
 * While it is attached, anybody may <em>keep</em> it, without asking anybody; nobody ever waits for a keep to end.
 * {@link dev.samara.core.life.Life} has the transitions.
 *
 * <pre>
 *     fresh --attach--> attached --detach--> detached, held --unhold--> detached
 *                       keep, release        release                    release
 * </pre>
 *
 * <p>Each object has a share in an {@link dev.samara.core.life.Open} of its backing. Whoever brings the state word to
 * <em>detached, not held, no keeps</em> gives the share up; that happens once, since from there no transition leads
 * away. The last share ends the open.
 *
 * <p>A VMA that belongs to an operation in transit has that operation's {@link dev.samara.core.wait.Gate}. It never
 * says anything about keeps: those only hold the backing open.
 */
@NullMarked
package dev.samara.core.life;

import org.jspecify.annotations.NullMarked;
