// SPDX-License-Identifier: Apache-2.0
/**
 * Processes and threads of the guest, from their start to their end.
 *
 * <p>A {@link dev.samara.emulator.linux.process.GuestThread} is a thread of the JVM with a CPU. It alternates between
 * the interpreter and the traps that stopped the interpreter. A {@link dev.samara.emulator.linux.process.GuestProcess}
 * has threads, memory, descriptors and signal actions. A {@link dev.samara.emulator.linux.process.ProcessTree} records
 * parents, groups and zombies. {@link dev.samara.emulator.linux.process.GuestSystem} contains the state that all
 * processes share.
 *
 * <p>Files, signals and futexes know a thread only by interfaces of their packages, which {@code GuestThread}
 * implements. A thread knows its system calls only as {@link
 * dev.samara.emulator.linux.process.GuestThread.ThreadCalls}.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What does a thread do when guest code stops?</td>
 *       <td>{@link dev.samara.emulator.linux.process.GuestThread}</td></tr>
 *   <tr><td>How does a process end, and which processes are notified?</td>
 *       <td>{@link dev.samara.emulator.linux.process.GuestProcess}, {@link
 *       dev.samara.emulator.linux.process.ProcessTree}</td></tr>
 *   <tr><td>How is a program loaded, and a script's interpreter found?</td>
 *       <td>{@link dev.samara.emulator.linux.process.ProgramStart}</td></tr>
 *   <tr><td>Which files are in {@code /proc}?</td>
 *       <td>{@link dev.samara.emulator.linux.process.ProcFiles}</td></tr>
 *   <tr><td>What counts events for {@code --stats}?</td>
 *       <td>{@link dev.samara.emulator.linux.process.GuestStatistics}</td></tr>
 *   <tr><td>Which signal does a fault become?</td>
 *       <td>{@code GuestTraps}, by {@link dev.samara.core.mman.Fault#signal} and {@link
 *       dev.samara.core.mman.Fault#siCode}</td></tr>
 *   <tr><td>Where does the parent of a {@code vfork} wait, and what releases it?</td>
 *       <td>{@code GuestProcess.awaitRelease}, which {@code CloneCalls} calls; {@code GuestProcess.become}, and the end
 *       of the child</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.emulator.linux.process;

import org.jspecify.annotations.NullMarked;
