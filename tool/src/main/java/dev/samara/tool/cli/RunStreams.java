// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;

/**
 * The streams of a run.
 *
 * @param in the standard input of the guest
 * @param out its standard output
 * @param errors its standard error
 * @param reports where the emulator writes while the guest runs
 * @param isTerminal whether the guest's streams are a terminal
 */
record RunStreams(InputStream in, OutputStream out, OutputStream errors, PrintWriter reports, boolean isTerminal) {}
