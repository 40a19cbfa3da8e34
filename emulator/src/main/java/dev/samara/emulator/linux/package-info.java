// SPDX-License-Identifier: Apache-2.0
/**
 * Linux for RISC-V programs. {@link dev.samara.emulator.linux.Emulation} runs a program: it creates the machine, starts
 * the first process with the standard streams of the host, and ends all other processes after the first one has ended.
 *
 * <p>The rest is in packages, each of which imports only the packages above it in the table:
 *
 * <table>
 *   <caption>The packages</caption>
 *   <tr><td>{@code abi}</td>
 *       <td>the interface between Linux and its programs: error numbers, names of calls</td></tr>
 *   <tr><td>{@code memory}</td>
 *       <td>guest memory for calls and processes, shared segments</td></tr>
 *   <tr><td>{@code wait}</td>
 *       <td>lists of waiting threads, futexes</td></tr>
 *   <tr><td>{@code signal}</td>
 *       <td>signals: sending, pending and blocked signals, delivery to handlers</td></tr>
 *   <tr><td>{@code file}</td>
 *       <td>open files of each kind, descriptors, paths; does not use {@code signal}</td></tr>
 *   <tr><td>{@code debug}</td>
 *       <td>the interfaces of a debugger; the only one of these packages that {@code gdb} uses</td></tr>
 *   <tr><td>{@code process}</td>
 *       <td>threads, processes, the process tree, programs</td></tr>
 *   <tr><td>{@code call}</td>
 *       <td>the system calls, in groups</td></tr>
 * </table>
 *
 * <p><b>A system call.</b> {@code RiscvInterpreter.run} reaches {@code ecall}, sets {@code pc} to the next instruction,
 * and returns {@code LeaveReason.SYSTEM_CALL}. {@code GuestThread} leaves GUEST, so it may wait, and no operation of
 * the space waits for it. {@code SystemCalls} selects the call. A memory call takes one line of code, because the
 * library takes the arguments as the guest passed them, and its result is the guest's result. All transfers pass
 * through {@code GuestFile.read} and {@code write}, and all waits through {@code WaitingThread.await}. If an address is
 * not accessible, {@code CallMemory} returns EFAULT. A file that a call uses is not closed before the call ends
 * ({@code GuestThread.file}). Then {@code SignalDelivery} takes the signals that were sent in the meantime: it enters
 * handlers, or restarts an interrupted call. At last the thread enters GUEST.
 *
 * <p><b>A fault</b> takes the same path. The failed access throws a preallocated {@code AccessTrap} to the interpreter,
 * which determines the faulting instruction; {@code SignalDelivery.force} turns it into a SIGSEGV or SIGBUS.
 *
 * <p><b>Rules that are easy to get wrong:</b>
 *
 * <ul>
 *   <li>A flush listener drops the blocks of changed pages, even while one of them runs, since an access may handle a
 *       fault. So {@code CodeBlock.drop} overwrites each instruction, which causes a new lookup at its address.
 *   <li>{@code riscv_flush_icache} marks each thread, requests it to stop, and calls {@code membarrier} of the space. A
 *       CPU that left GUEST for the fault of an access does not poll before the access returns, and its block continues
 *       afterwards. So the call waits until each marked thread has left its block ({@code GuestThread.isInCode}).
 *   <li>Signals and the end of its process wake a waiting thread. Calls of the host cannot be woken, so other threads
 *       read and write the standard streams ({@code Pipe.ofInput}, {@code HostStream}), and no other pipe or device of
 *       the host can be opened (ENXIO). Only the emulator's messages, {@code --strace} and {@code --maps} may make a
 *       guest's thread wait for a reader.
 *   <li>A parent whose wait found a child also receives SIGCHLD: it is sent before a wait can find the zombie.
 *   <li>The child of a {@code vfork} holds another reference to the space of its parent, until it executes another
 *       program or ends.
 * </ul>
 *
 * <p>Numbers and structures are those of {@code include/uapi/asm-generic} and {@code arch/riscv/include/uapi}.
 */
@NullMarked
package dev.samara.emulator.linux;

import org.jspecify.annotations.NullMarked;
