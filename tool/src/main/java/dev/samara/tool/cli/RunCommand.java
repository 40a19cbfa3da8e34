// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.emulator.linux.Emulation;
import dev.samara.emulator.linux.RunPlan;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code samara run}. */
@Command(
        name = "run",
        description = "Runs a Linux program for RV64GC, whose whole memory is an address space of this library.",
        footerHeading = "Examples:%n",
        footer = {
            "  samara run --stats emulator/src/test/resources/riscv/threads",
            "  samara run --sysroot ROOT ROOT/bin/ls /"
        },
        exitCodeList = {RunOptions.GUEST_STATUS, RunOptions.NOT_RUN + ":" + RunOptions.WHY_NOT_RUN},
        exitCodeOnInvalidInput = RunOptions.NOT_RUN,
        exitCodeOnExecutionException = RunOptions.NOT_RUN,
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class RunCommand implements Callable<Integer> {
    @Mixin
    private RunOptions options;

    @Spec
    private CommandSpec spec;

    RunCommand() {}

    @Override
    public Integer call() throws Exception {
        RunStreams streams = new RunStreams(
                System.in,
                new FileOutputStream(FileDescriptor.out),
                new FileOutputStream(FileDescriptor.err),
                spec.commandLine().getErr(),
                new RunPlan.Terminals(
                        TerminalStreams.isTerminal(TerminalStreams.IN),
                        TerminalStreams.isTerminal(TerminalStreams.OUT),
                        TerminalStreams.isTerminal(TerminalStreams.ERR)));
        return options.run(spec, streams, Emulation::run);
    }
}
