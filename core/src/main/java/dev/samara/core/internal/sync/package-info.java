// SPDX-License-Identifier: Apache-2.0
/**
 * How threads wait for each other without locks, grace periods, and the threads of a machine.
 *
 * <p>A thread that meets the range of an operation in flight waits at that operation's {@link
 * dev.samara.core.internal.sync.Gate}: it spins for a moment, parks, and passes when the operation has completed. A
 * {@link dev.samara.core.internal.sync.WaitReporter} is told of waits that last.
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
 * is the exception: {@link dev.samara.core.internal.sync.PolledGracePeriods} tells the reporter of a long grace period
 * under its own.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Where does a thread wait for an operation in flight?</td>
 *       <td>{@link dev.samara.core.internal.sync.Gate}</td></tr>
 *   <tr><td>What waits until no reader uses a frame?</td>
 *       <td>{@link dev.samara.core.internal.sync.Rcu#synchronize}</td></tr>
 *   <tr><td>What can be asked whether that is so, without a wait?</td>
 *       <td>{@code PolledGracePeriods}</td></tr>
 *   <tr><td>For which sections does a grace period wait?</td>
 *       <td>{@code GracePeriodSections}</td></tr>
 *   <tr><td>What runs after a grace period, without a wait?</td>
 *       <td>{@code RcuCallbacks}</td></tr>
 *   <tr><td>What keeps a lock from being lost at the end of a stack?</td>
 *       <td>{@link dev.samara.core.internal.sync.CheckedLock}, {@link
 *       dev.samara.core.internal.sync.CheckedReadWriteLock}</td></tr>
 *   <tr><td>What guards a section of a few loads and stores?</td>
 *       <td>{@link dev.samara.core.internal.sync.SpinLock}</td></tr>
 *   <tr><td>What bounds the work that waits for grace periods?</td>
 *       <td>{@link dev.samara.core.internal.sync.Backlog}</td></tr>
 *   <tr><td>What continues calls that wait for a CPU, a copy or a grace period?</td>
 *       <td>{@link dev.samara.core.internal.sync.Housekeeping}, {@link
 *       dev.samara.core.internal.sync.WaitingCall}</td></tr>
 *   <tr><td>How long does a thread pause before it tries again?</td>
 *       <td>{@link dev.samara.core.internal.sync.Backoff}</td></tr>
 *   <tr><td>What retries a step until it succeeds?</td>
 *       <td>{@link dev.samara.core.internal.sync.RetriedCall} without a thread, {@link
 *       dev.samara.core.internal.sync.RetriedTask} with one</td></tr>
 *   <tr><td>What runs tasks that may block?</td>
 *       <td>{@link dev.samara.core.internal.sync.MachineTasks}, {@link
 *       dev.samara.core.internal.sync.Background}</td></tr>
 *   <tr><td>What refuses a wait in a call that must not wait?</td>
 *       <td>{@link dev.samara.core.internal.sync.NoWaiting}</td></tr>
 *   <tr><td>What refuses a call near the end of its stack?</td>
 *       <td>{@link dev.samara.core.internal.sync.StackReserve}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.sync;

import org.jspecify.annotations.NullMarked;
