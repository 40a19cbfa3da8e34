// SPDX-License-Identifier: Apache-2.0
/**
 * A CPU as other threads see it: the space whose translations it uses now, and the requests to drop some.
 *
 * <p>A {@link dev.samara.core.internal.cpu.TlbContext} is a space as translation caches see it: a number that no other
 * space ever has, and a {@linkplain dev.samara.core.internal.cpu.FlushGeneration generation}. The generation grows
 * after each change of the page table that a CPU may not have seen. A {@link dev.samara.core.internal.cpu.CpuState} has
 * a CPU's state and context in one word. So a thread that has changed something decides by that word whether it must
 * wait for that CPU, and by one more if the CPU is in GUEST there. {@link dev.samara.core.internal.cpu.Cpus} is the
 * list of all CPUs of a machine, and {@link dev.samara.core.internal.cpu.Shootdowns} has them drop translations, and
 * waits for that. {@link dev.samara.core.internal.cpu.SpaceUsers} counts the users of a space: CPUs that are in it,
 * CPUs that borrow another space and come back, and references. After the last user has gone, the space's context is
 * never used again, and needs no flush. A CPU that is LAZY is no user: its {@link
 * dev.samara.core.internal.cpu.LazyContext} is the part of the space that it keeps. A {@link
 * dev.samara.core.internal.cpu.FlushLog} keeps the ranges of the latest generations, for CPUs that catch up.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What tells a CPU that it must flush?</td>
 *       <td>{@link dev.samara.core.internal.cpu.FlushGeneration}; in GUEST first a request, in {@link
 *       dev.samara.core.internal.cpu.CpuState}. {@code tlb.CpuTlb} compares the generations</td></tr>
 *   <tr><td>Which flush has no generation, since no other CPU needs it?</td>
 *       <td>{@link dev.samara.core.internal.cpu.Shootdowns#flushLocally}</td></tr>
 *   <tr><td>What does it have to flush?</td>
 *       <td>{@link dev.samara.core.internal.cpu.FlushLog}</td></tr>
 *   <tr><td>What waits until the CPUs have flushed?</td>
 *       <td>{@link dev.samara.core.internal.cpu.Shootdowns}; for a thread that does something else meanwhile, {@link
 *       dev.samara.core.internal.cpu.BegunShootdown}</td></tr>
 *   <tr><td>When has a CPU not answered for too long?</td>
 *       <td>{@code ShootdownReports}</td></tr>
 *   <tr><td>Which CPUs does a thread have?</td>
 *       <td>{@code ThreadCpus}</td></tr>
 *   <tr><td>Where are the CPUs that no thread uses, and who gets one?</td>
 *       <td>{@link dev.samara.core.internal.cpu.IdleCpus}</td></tr>
 *   <tr><td>What takes a dead thread's CPU, or a lost CPU, offline?</td>
 *       <td>{@code DeadThreadCpus}</td></tr>
 *   <tr><td>Who owns a CPU, and is the CPU lost?</td>
 *       <td>{@link dev.samara.core.internal.cpu.CpuOwner}</td></tr>
 *   <tr><td>When has a space no user any more?</td>
 *       <td>{@link dev.samara.core.internal.cpu.SpaceUsers}</td></tr>
 *   <tr><td>What does a CPU in LAZY keep?</td>
 *       <td>{@link dev.samara.core.internal.cpu.LazyContext}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.NullMarked;
