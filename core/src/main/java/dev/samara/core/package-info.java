// SPDX-License-Identifier: Apache-2.0
/**
 * The facade: machines, address spaces and their snapshots. It only composes the internal packages, and no other
 * package imports it.
 *
 * <p>A {@link dev.samara.core.Machine} holds the state that its address spaces share. An {@link
 * dev.samara.core.AddressSpace} is the memory of one process: it answers lookups of addresses, has the calls of {@code
 * mman.h}, takes {@linkplain dev.samara.core.LayoutSnapshot snapshots}, and forks. If its machine was built with
 * memory, a {@link dev.samara.core.Cpu} reads and writes the mappings, through page tables, page faults and a TLB of
 * its own; without memory, a space is a layout only.
 *
 * <p><b>Calls</b> come in two forms. The methods of {@code AddressSpace} return a value or a negated errno, for callers
 * that pass the number on to a guest. The methods of {@link dev.samara.core.ThrowingCalls} throw an {@link
 * dev.samara.core.mman.MmException}. Results, errors and their precedence, and the boundaries of VMAs are those of
 * Linux 6.18.
 *
 * <p><b>Threads.</b> Any thread may call any method, except that a {@code Cpu} belongs to the thread that has claimed
 * it. {@code find}, {@code keep} and {@code snapshot} take no lock and never wait. Calls that change the layout take
 * the space's layout lock while they edit it; after the edit calls run concurrently, each in its own range. The effect
 * of a call appears at one instant, and all lookups that begin after the call has returned see it.
 *
 * <p><b>Waits.</b> Before a call has changed anything, it waits for an operation in flight in its range (with early
 * reuse, an {@code mmap} does not wait for a {@code munmap}), for an operation that has been restarted too often and is
 * next, and for a free place among the grace periods, if as many are pending as the machine allows. A call that removes
 * pages or rights then waits for the CPUs in GUEST that may have translations of them, until each of them polls or
 * leaves GUEST; for a grace period, if frames are freed; and for a fork that is copying the range. A fork waits for the
 * operations that were in flight at its instant. A fault waits for an operation at its page, for the backing of a page
 * that has to be read, and, to copy a page on write, for the CPUs in GUEST that may have a translation of it.
 *
 * <p><b>Lifetimes.</b> A VMA is attached until a change removes it; a {@link dev.samara.core.VmaRef} keeps its backing
 * open longer, and delays no operation. Daemon threads of the machine close backings and deliver changes; they start
 * and end with the work.
 */
package dev.samara.core;
