// SPDX-License-Identifier: Apache-2.0
/**
 * A CPU as other threads see it: which space's translations it uses now, and how it is asked to drop some.
 *
 * <p>A {@link dev.samara.core.internal.cpu.TlbContext} is a space as translation caches see it: a number that no other
 * space ever has, and a generation, which grows after each change of the page table that a CPU may not have seen. A
 * {@link dev.samara.core.internal.cpu.CpuState} has a CPU's state and context in one word, so a thread that has changed
 * something decides with one load whether it must wait for that CPU. {@link dev.samara.core.internal.cpu.Cpus} is the
 * list of all CPUs of a machine, and runs the shootdown. {@link dev.samara.core.internal.cpu.SpaceUsers} counts the
 * users of a space: CPUs that are in it, and references. After the last one its context is never used again, and needs
 * no flush; a CPU that is LAZY is no user, and what it keeps of the space is the matter of its {@link
 * dev.samara.core.internal.cpu.LazyContext}. A {@link dev.samara.core.internal.cpu.FlushLog} keeps the ranges of the
 * latest generations, for CPUs that catch up.
 */
@NullMarked
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.NullMarked;
