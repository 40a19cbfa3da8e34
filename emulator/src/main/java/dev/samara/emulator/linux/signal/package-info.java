// SPDX-License-Identifier: Apache-2.0
/**
 * Signals: how they are sent, kept until a thread takes them, and turned into a handler or the end of a process.
 *
 * <p>{@link dev.samara.emulator.linux.signal.SignalDelivery} sends signals, and delivers them to a thread before the
 * thread runs guest code. The other classes are the actions of a process, masks and pending signals, alternate stacks,
 * and the frame of a handler. This package uses a thread and a process only as {@link
 * dev.samara.emulator.linux.signal.SignalDelivery.SignalThread} and {@link
 * dev.samara.emulator.linux.signal.SignalDelivery.SignalProcess}.
 *
 * <p>Actions and pending signals are guarded by the signals' lock {@link
 * dev.samara.emulator.linux.signal.SignalDelivery.SignalProcess#signals}. A thread that holds this lock may acquire the
 * monitor of a process, but not the other way round.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which thread takes a signal, and when?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.SignalDelivery}</td></tr>
 *   <tr><td>Which signals queue?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.PendingSignals}</td></tr>
 *   <tr><td>What is on the stack of a handler?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.SignalDelivery.SignalFrame}</td></tr>
 *   <tr><td>Is an interrupted call restarted?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.SignalDelivery.InterruptedCall}</td></tr>
 *   <tr><td>Which signals are ignored?</td>
 *       <td>{@link dev.samara.emulator.linux.signal.SignalActions}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.emulator.linux.signal;

import org.jspecify.annotations.NullMarked;
