// SPDX-License-Identifier: Apache-2.0
/**
 * The command line tool {@code samara}.
 *
 * <p>{@code replay} executes traces of real programs and compares the results, {@code maps} prints or draws the
 * mappings of a trace, {@code timeline} draws the events of a recording, {@code run} runs a program, {@code top} shows
 * a machine during a replay or a run. Differences are printed on standard output, as text or as one JSON document. An
 * unreadable input is reported on standard error with file and line. The exit status is 0 if everything is equal, 1 if
 * anything differs, and 2 if the command line is invalid or an input cannot be read. The exit status of {@code run} is
 * the guest's.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Which exit status does a command return?</td>
 *       <td>{@code CheckStatus}; {@code run} and {@code top run} return the guest's exit status, 128 + n after signal n
 *       ({@link dev.samara.emulator.linux.abi.WaitStatus#ofShell}), or {@code RunOptions.NOT_RUN}</td></tr>
 *   <tr><td>Which options does a command take?</td>
 *       <td>its class, {@code ...Command}, and its {@code ...Options}</td></tr>
 *   <tr><td>What runs a guest?</td>
 *       <td>{@code RunOptions}, through {@code RunOptions.StoppedAtExit}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.tool.cli;

import org.jspecify.annotations.NullMarked;
