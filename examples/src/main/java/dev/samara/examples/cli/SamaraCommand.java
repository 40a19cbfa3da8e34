// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import dev.samara.examples.record.InputException;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The root command and the entry point of the program. */
@Command(
        name = "samara",
        description = "Checks Samara's address spaces against recordings of a real kernel.",
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class,
        subcommands = {ReplayCommand.class, OracleCommand.class, MapsCommand.class, StormCommand.class, RunCommand.class
        })
public final class SamaraCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    /** Called by the command line library. */
    public SamaraCommand() {}

    /**
     * Runs the tool and ends the JVM with its status.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    /** Returns the tool, ready to be given a command line. */
    static CommandLine commandLine() {
        CommandLine tool = new CommandLine(new SamaraCommand());
        // What follows the program is for the program.
        Objects.requireNonNull(tool.getSubcommands().get("run")).setStopAtPositional(true);
        return tool.setExecutionExceptionHandler((failure, command, parsed) -> {
            if (failure instanceof InputException) {
                command.getErr().println(failure.getMessage());
                return CheckRun.UNREADABLE;
            }
            throw failure;
        });
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }
}
