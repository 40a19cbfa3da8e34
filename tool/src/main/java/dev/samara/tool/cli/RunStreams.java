// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.emulator.linux.RunPlan;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;

/**
 * The streams of a run.
 *
 * @param in the standard input of the guest
 * @param out the standard output of the guest
 * @param errors the standard error of the guest
 * @param reports where the emulator prints its messages while the guest runs
 * @param terminals which of the guest's streams are terminals
 */
record RunStreams(
        InputStream in, OutputStream out, OutputStream errors, PrintWriter reports, RunPlan.Terminals terminals) {}
