// SPDX-License-Identifier: Apache-2.0
/**
 * The server of gdb's remote serial protocol ({@code samara run --gdb}).
 *
 * <p>{@link dev.samara.emulator.gdb.GdbServer} listens on the loopback address, and serves one client at a time. Two
 * kinds of threads use the package:
 *
 * <ul>
 *   <li>The threads of the guest call {@code StopControl} before they run guest code. It keeps them there while all
 *       threads must be stopped, determines why a thread stops, and applies the action that the client requested for
 *       each thread.
 *   <li>The server's thread runs {@code GdbSession}: it takes a packet and replies to it, and sends the reason of a
 *       stop when all threads have stopped. A reader thread passes the packets to it. No thread of the guest waits for
 *       the socket.
 * </ul>
 *
 * <p>A stopped thread is outside GUEST, so no operation of the space waits for it. A thread in a system call counts as
 * stopped, because it runs no guest code before {@code StopControl} permits it. The client sees copies of the
 * registers: a thread copies its registers when it stops, and copies them back when it resumes. The client reads and
 * writes memory as {@code ptrace} does, regardless of the rights of pages. Breakpoints do not change code in memory.
 * Instead, harts decode another instruction at the address of a breakpoint.
 */
@NullMarked
package dev.samara.emulator.gdb;

import org.jspecify.annotations.NullMarked;
