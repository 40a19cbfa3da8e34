// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.InputException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The root command and the entry point of the program. */
@Command(
        name = "samara",
        description = "Checks Samara's address spaces against recordings of a real kernel, and runs programs in them.",
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class,
        // The exit codes of a command without its own list.
        scope = ScopeType.INHERIT,
        exitCodeListHeading = "Exit codes:%n",
        exitCodeList = {"0:success", "1:a result was different", "2:the command line or a file is wrong"},
        subcommands = {
            ReplayCommand.class,
            MapsCommand.class,
            TimelineCommand.class,
            RunCommand.class,
            TopCommand.class,
            HelpCommand.class,
            GenerateCompletion.class
        })
public final class SamaraCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    /** Called by the command line library. */
    public SamaraCommand() {}

    /**
     * Runs the tool, and exits the JVM with its status.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        try {
            System.exit(commandLine().execute(arguments));
        } catch (Error failure) {
            // E.g. no memory is left. The JVM is halted: a return from main would leave other threads running, and an
            // exit would run the exit hooks, which may fail too.
            try {
                // An Error is a fault of the tool or the JVM, not of the user. A report of the fault needs its stack
                // trace.
                failure.printStackTrace();
            } finally {
                Runtime.getRuntime().halt(CommandLine.ExitCode.SOFTWARE);
            }
        }
    }

    /** Returns the tool, ready to execute a command line. */
    static CommandLine commandLine() {
        CommandLine tool = prepared(new SamaraCommand());
        // The arguments after the program belong to the program.
        subcommand(tool, "run").setStopAtPositional(true);
        subcommand(subcommand(tool, "top"), "run").setStopAtPositional(true);
        IParameterExceptionHandler usual = tool.getParameterExceptionHandler();
        tool.setParameterExceptionHandler((failure, arguments) -> {
            Optional<String> unknown = unknownCommand(tool, arguments);
            if (failure.getCommandLine() == tool && unknown.isPresent()) {
                tool.getErr()
                        .println("there is no command " + unknown.get() + ": use one of "
                                + String.join(", ", tool.getSubcommands().keySet()));
                return CheckStatus.UNREADABLE;
            }
            return arguments.length == 0 ? usual.handleParseException(failure, arguments) : complain(failure);
        });
        return tool;
    }

    /** Prepares a command: it accepts paths, and reports input that it cannot read in one line. */
    static CommandLine prepared(Object command) {
        return new CommandLine(command)
                .registerConverter(Path.class, SamaraCommand::path)
                .setExecutionExceptionHandler((failure, failed, parsed) -> {
                    if (failure instanceof InputException) {
                        failed.getErr().println(failure.getMessage());
                        return failed.getCommandSpec().exitCodeOnInvalidInput();
                    }
                    throw failure;
                });
    }

    /** Prints only the error, because it would be overlooked above the usage. */
    private static int complain(ParameterException failure) {
        CommandLine command = failure.getCommandLine();
        command.getErr().println(failure.getMessage());
        UnmatchedArgumentException.printSuggestions(failure, command.getErr());
        command.getErr().println(command.getCommandSpec().qualifiedName() + " --help shows the options");
        return command.getCommandSpec().exitCodeOnInvalidInput();
    }

    private static Path path(String argument) {
        try {
            return Path.of(argument);
        } catch (InvalidPathException inexpressible) {
            throw new TypeConversionException("'" + argument + "' is no path in the locale of this process ("
                    + inexpressible.getReason() + "): use another one, such as LC_ALL=C.UTF-8");
        }
    }

    /** Returns the first argument, or the first argument of {@code help}, if it is not the name of a command. */
    private static Optional<String> unknownCommand(CommandLine tool, String... arguments) {
        return Arrays.stream(arguments)
                .skip(arguments.length > 0 && arguments[0].equals("help") ? 1 : 0)
                .limit(1)
                .filter(name -> !name.startsWith("-") && !tool.getSubcommands().containsKey(name))
                .findFirst();
    }

    private static CommandLine subcommand(CommandLine command, String name) {
        return Objects.requireNonNull(command.getSubcommands().get(name), name);
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }
}
