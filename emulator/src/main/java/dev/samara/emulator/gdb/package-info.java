// SPDX-License-Identifier: Apache-2.0
/**
 * A debugger's end of the emulator: gdb's remote serial protocol ({@code samara run --gdb}).
 *
 * <p>{@link dev.samara.emulator.gdb.GdbServer} listens on the loopback address, and serves one client after the
 * other. Two kinds of threads meet in the package:
 *
 * <ul>
 *   <li>The threads of the guest call {@code StopControl} before they run guest code. It keeps them there while all are
 *       to be stopped ({@code AllStop}), finds out why one stops, and takes what the client wants each to do next.
 *   <li>The server's thread runs {@code GdbSession}: it takes a packet, answers it, and sends the reason of a stop when
 *       all threads have stopped. A reader thread gives it the packets. No thread of the guest waits for the socket.
 * </ul>
 *
 * <p>A stopped thread is outside GUEST, so no operation of the space waits for it. A thread in a system call counts as
 * stopped: it runs no guest code before {@code StopControl} lets it. The client sees copies of registers, which a
 * thread makes when it stops and takes back when it goes on. It reads and writes memory as {@code ptrace} does,
 * whatever rights pages have. Code with breakpoints stays as it is in memory: harts decode another instruction at their
 * addresses.
 */
@NullMarked
package dev.samara.emulator.gdb;

import org.jspecify.annotations.NullMarked;
