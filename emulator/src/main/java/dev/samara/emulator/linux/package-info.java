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
 * <p>Numbers and structures are those of {@code include/uapi/asm-generic} and {@code arch/riscv/include/uapi}.
 */
@NullMarked
package dev.samara.emulator.linux;

import org.jspecify.annotations.NullMarked;
