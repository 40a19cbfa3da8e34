// SPDX-License-Identifier: Apache-2.0
/**
 * How threads wait for each other without locks, grace periods, and the threads of a machine.
 *
 * <p>A thread that runs into the range of an operation in flight waits at that operation's {@link
 * dev.samara.core.internal.sync.Gate}. It spins briefly, then parks, and continues when the operation completes. A
 * {@link dev.samara.core.internal.sync.Gate.WaitReporter} is notified of long waits at gates.
 *
 * <p>A {@link dev.samara.core.internal.sync.Background} is a machine's own threads. They run the tasks that must not
 * run on a caller's thread because they may block or call the embedder. A task that hangs delays no other task.
 *
 * <p>Frames are numbers, so the garbage collector does not know when a frame is no longer in use. A thread that uses a
 * frame it found in a page table or page cache, without a reference of its own, does so in a <em>reader section</em> of
 * its {@link dev.samara.core.internal.sync.Rcu.Reader}. A thread that removes a frame unhooks it first, and then waits
 * for a <em>grace period</em> ({@link dev.samara.core.internal.sync.Rcu#synchronize}): when it ends, every section that
 * started before it has ended, and the frame can be allocated again. Tree nodes, VMAs and page tables need no grace
 * period, because the garbage collector keeps them while they are reachable. A {@link
 * dev.samara.core.internal.sync.Rcu} bounds the work that waits for grace periods on the machine's threads.
 *
 * <pre>
 *     reader:   section := n   (volatile)   load the PTE ... use the frame   section := 0 (release)
 *     updater:  clear the PTE  (fence)      scan: wait while section == n seen     hand the frame out
 * </pre>
 *
 * <p>Nothing here depends on VMAs or trees. No lock of this package is held while embedder code runs, with one
 * exception: {@link dev.samara.core.internal.sync.Rcu#poll} reports a long grace period to the reporter while
 * it holds its own monitor.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Where does a thread wait for an operation in flight?</td>
 *       <td>{@link dev.samara.core.internal.sync.Gate}</td></tr>
 *   <tr><td>What waits until no reader uses a frame, polls for that, or runs a callback afterwards?</td>
 *       <td>{@link dev.samara.core.internal.sync.Rcu}</td></tr>
 *   <tr><td>What prevents a stack overflow from leaving a lock held forever?</td>
 *       <td>{@link dev.samara.core.internal.sync.CheckedLock}, {@link
 *       dev.samara.core.internal.sync.CheckedLock.CheckedReadWriteLock}</td></tr>
 *   <tr><td>What guards a section of a few loads and stores?</td>
 *       <td>{@link dev.samara.core.internal.sync.SpinLock}</td></tr>
 *   <tr><td>What bounds the work that waits for grace periods?</td>
 *       <td>{@link dev.samara.core.internal.sync.Rcu}</td></tr>
 *   <tr><td>What continues calls that wait for a CPU, a copy or a grace period?</td>
 *       <td>{@link dev.samara.core.internal.sync.Housekeeping}, {@link
 *       dev.samara.core.internal.sync.Housekeeping.Waiter}</td></tr>
 *   <tr><td>How long does a thread pause before it retries?</td>
 *       <td>{@link dev.samara.core.internal.sync.Pause}</td></tr>
 *   <tr><td>What retries a step until it succeeds?</td>
 *       <td>{@link dev.samara.core.internal.sync.Housekeeping.RetriedWaiter} without a thread, {@link
 *       dev.samara.core.internal.sync.Housekeeping.RetriedTask} with one</td></tr>
 *   <tr><td>What runs tasks that may block?</td>
 *       <td>{@link dev.samara.core.internal.sync.MachineTasks}, {@link
 *       dev.samara.core.internal.sync.Background}</td></tr>
 *   <tr><td>What rejects a wait in a call that must not wait?</td>
 *       <td>{@link dev.samara.core.internal.sync.Rcu.NoWaiting} with {@code checkOffers}; while the thread has a CPU in
 *       GUEST: {@code cpu.ThreadCpus.checkMayWait}</td></tr>
 *   <tr><td>What rejects a call when too little stack is left?</td>
 *       <td>{@link dev.samara.core.internal.sync.StackReserve}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.sync;

import org.jspecify.annotations.NullMarked;
