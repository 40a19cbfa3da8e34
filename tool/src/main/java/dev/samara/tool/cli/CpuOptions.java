// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.access.CpuPlan;
import java.io.PrintWriter;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The options for the CPUs that access the memory of a recording. */
final class CpuOptions {
    @Option(
            names = "--cpus",
            paramLabel = "N",
            defaultValue = "1",
            description = "Make each access by a random one of N CPUs that are in the space. Default: 1.")
    private int cpus;

    @Option(
            names = "--seed",
            paramLabel = "S",
            defaultValue = "1",
            description = "The seed of the choice of a CPU by --cpus. Default: 1.")
    private long seed;

    CpuOptions() {}

    CpuPlan plan(CommandSpec spec) {
        if (cpus <= 0) {
            throw new ParameterException(spec.commandLine(), "--cpus must be positive");
        }
        return new CpuPlan(cpus, seed);
    }

    /** Prints the options that reproduce a run with a finding. */
    void explain(CheckRun run, PrintWriter errors) {
        if (cpus > 1 && run.failed() > 0) {
            errors.printf(Locale.ROOT, "failed with --cpus %d --seed %d%n", cpus, seed);
            errors.flush();
        }
    }
}
