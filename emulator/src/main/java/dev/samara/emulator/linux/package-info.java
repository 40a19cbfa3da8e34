// SPDX-License-Identifier: Apache-2.0
/**
 * Linux for programs of RISC-V. {@link dev.samara.emulator.linux.Emulation} runs one: it makes the machine,
 * begins the first process with the standard streams of the host, and ends all others after it.
 *
 * <p>The rest is in rooms, each of which imports only those above it:
 *
 * <table>
 *   <caption>The rooms</caption>
 *   <tr><td>{@code abi}</td>
 *       <td>what Linux and its programs agree upon: numbers of errors, names of calls</td></tr>
 *   <tr><td>{@code memory}</td>
 *       <td>memory of the guest for calls and processes, shared segments</td></tr>
 *   <tr><td>{@code wait}</td>
 *       <td>lists of waiting threads, futexes</td></tr>
 *   <tr><td>{@code signal}</td>
 *       <td>signals: sent, pending, blocked, delivered to handlers</td></tr>
 *   <tr><td>{@code file}</td>
 *       <td>open files of each kind, descriptors, paths; nothing of signals</td></tr>
 *   <tr><td>{@code debug}</td>
 *       <td>what a debugger implements and sees; the only room that {@code gdb} uses</td></tr>
 *   <tr><td>{@code process}</td>
 *       <td>threads, processes, their tree, programs</td></tr>
 *   <tr><td>{@code call}</td>
 *       <td>the system calls, in groups</td></tr>
 * </table>
 *
 * <p>Numbers and structures are those of {@code include/uapi/asm-generic} and {@code arch/riscv/include/uapi}.
 */
@NullMarked
package dev.samara.emulator.linux;

import org.jspecify.annotations.NullMarked;
