// SPDX-License-Identifier: Apache-2.0
/**
 * How threads wait for each other without locks, grace periods, and the threads of a machine.
 *
 * <p>A thread that meets the range of an operation in flight waits at that operation's {@link
 * dev.samara.core.internal.sync.Gate}: it spins for a moment, parks, and passes when the operation has completed. A
 * {@link dev.samara.core.internal.sync.Watch} is told of waits that last.
 *
 * <p>A {@link dev.samara.core.internal.sync.Background} is a machine's own threads. They run tasks that may block or
 * that call an embedder. Such a task must not run on a caller's thread. A task that hangs delays no other task.
 *
 * <p>Frames are numbers, so the garbage collector does not know when a frame is no longer used. A thread that uses a
 * frame from a page table or a page cache, without a reference of its own, does so in a <em>reader section</em> of its
 * {@link dev.samara.core.internal.sync.RcuReader}. A thread that takes a frame away unhooks it first. Then it waits for
 * a <em>grace period</em> ({@link dev.samara.core.internal.sync.Rcu#synchronize}): every section that had begun before
 * has ended then, and the frame can be handed out again. Tree nodes, VMAs and page tables need no grace period, since
 * the collector keeps them as long as they can be reached. A {@link dev.samara.core.internal.sync.Backlog} bounds the
 * work that waits for grace periods on threads of the machine.
 *
 * <pre>
 *     reader:   section := n   (volatile)   load the PTE ... use the frame   section := 0 (release)
 *     updater:  clear the PTE  (fence)      scan: wait while section == n seen     hand the frame out
 * </pre>
 *
 * <p>Nothing here depends on VMAs or trees. No lock of this package is held while code of an embedder runs. One monitor
 * is the exception: {@link dev.samara.core.internal.sync.PolledGrace} tells the reporter of a long grace period under
 * its own.
 */
@NullMarked
package dev.samara.core.internal.sync;

import org.jspecify.annotations.NullMarked;
