// SPDX-License-Identifier: Apache-2.0
/**
 * A CPU as seen by other threads: the space whose translations it currently uses, and the requests to drop some of
 * them.
 *
 * <p>A {@link dev.samara.core.internal.cpu.TlbContext} is a space as CPUs know it. It contains a number that no other
 * space ever uses, and a generation. The generation is incremented after each page table change that some CPU may not
 * have seen, and a log keeps the ranges of the most recent generations, for CPUs that catch up. The context also counts
 * the users of the space: CPUs in the space, CPUs that will return to it from a borrow, and references. After the last
 * user is gone, the context is never used again and needs no flush. A {@link dev.samara.core.internal.cpu.CpuState}
 * packs a CPU's state and context into one word. A thread that changed a page table reads that word to decide whether
 * it must wait for the CPU; if the CPU is in GUEST in that space, it reads one more word. {@link
 * dev.samara.core.internal.cpu.Cpus} lists all CPUs of a machine. {@link dev.samara.core.internal.cpu.Shootdowns}
 * requests that they drop translations, and waits until they have done so. A LAZY CPU is not a user: its {@link
 * dev.samara.core.internal.cpu.LazyContext} is the part of the space that it keeps.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What notifies a CPU that it must flush?</td>
 *       <td>{@link dev.samara.core.internal.cpu.TlbContext#mustFlush}; in GUEST first a request, in {@link
 *       dev.samara.core.internal.cpu.CpuState}. {@code tlb.CpuTlb} compares the generations</td></tr>
 *   <tr><td>Which flush needs no generation, because it concerns only the current CPU?</td>
 *       <td>{@link dev.samara.core.internal.cpu.Shootdowns#flushLocally}</td></tr>
 *   <tr><td>What must the CPU flush?</td>
 *       <td>{@link dev.samara.core.internal.cpu.TlbContext#readLog}</td></tr>
 *   <tr><td>What waits until the CPUs have flushed?</td>
 *       <td>{@link dev.samara.core.internal.cpu.Shootdowns}; for a thread that polls instead of waiting, {@link
 *       dev.samara.core.internal.cpu.Shootdowns.Begun#isDone}</td></tr>
 *   <tr><td>When is a CPU reported for not acknowledging a shootdown?</td>
 *       <td>{@code Shootdowns.check}</td></tr>
 *   <tr><td>Which CPUs does a thread own?</td>
 *       <td>{@link dev.samara.core.internal.cpu.ThreadCpus}</td></tr>
 *   <tr><td>What refuses a call that may wait while a CPU of its thread is in GUEST?</td>
 *       <td>{@link dev.samara.core.internal.cpu.ThreadCpus#checkMayWait}</td></tr>
 *   <tr><td>Where are idle CPUs kept, and which thread gets one?</td>
 *       <td>{@link dev.samara.core.internal.cpu.IdleCpus}</td></tr>
 *   <tr><td>What takes a dead thread's CPU, or a lost CPU, offline?</td>
 *       <td>{@link dev.samara.core.internal.cpu.Cpus#releaseDead}</td></tr>
 *   <tr><td>Who owns a CPU, and is the CPU lost?</td>
 *       <td>{@link dev.samara.core.internal.cpu.CpuOwner}</td></tr>
 *   <tr><td>When does a space lose its last user?</td>
 *       <td>{@link dev.samara.core.internal.cpu.TlbContext#put}, and {@code unuse} for a CPU</td></tr>
 *   <tr><td>What does a CPU in LAZY keep?</td>
 *       <td>{@link dev.samara.core.internal.cpu.LazyContext}</td></tr>
 *   <tr><td>Which number, and which bit of cpumasks, does a CPU have?</td>
 *       <td>{@link dev.samara.core.internal.cpu.Cpus#claim}: the lowest free number; {@code CpuState.bit}: CPUs from
 *       number 32 on share bits</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.NullMarked;
