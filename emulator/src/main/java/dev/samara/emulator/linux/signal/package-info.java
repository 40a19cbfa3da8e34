// SPDX-License-Identifier: Apache-2.0
/**
 * Signals: sent, kept until a thread takes them, and turned into a handler or the end of a process.
 *
 * <p>{@link dev.samara.emulator.linux.signal.SignalDelivery} sends signals, and has a thread take them before it
 * runs guest code. The rest is what that needs: actions of a process, masks and pending signals, alternate stacks, and
 * the frame on the stack of a handler. A thread and a process are seen here as {@link
 * dev.samara.emulator.linux.signal.SignalThread} and {@link
 * dev.samara.emulator.linux.signal.SignalProcess}.
 *
 * <p>Actions and pending signals are guarded by the lock {@link
 * dev.samara.emulator.linux.signal.SignalProcess#signals}. A thread that holds it may take the lock of a process,
 * and not the other way round.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which thread takes a signal, and when?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.SignalDelivery}</td></tr>
 *   <tr><td>Which signals queue?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.PendingSignals}</td></tr>
 *   <tr><td>What does a handler find on its stack?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.SignalFrame}</td></tr>
 *   <tr><td>Is an interrupted call made again?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.InterruptedCall}</td></tr>
 *   <tr><td>How does a signal stop a process, and when does it go on?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.GroupStop}</td></tr>
 *   <tr><td>Which signals are ignored?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.SignalActions}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.emulator.linux.signal;

import org.jspecify.annotations.NullMarked;
