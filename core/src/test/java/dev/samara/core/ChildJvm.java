// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.maple.MapleTree;
import java.io.File;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.agrona.concurrent.IdleStrategy;
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.varhandle.MpscUnboundedVarHandleArrayQueue;
import org.junit.jupiter.api.Assertions;
import org.junit.platform.commons.JUnitException;
import org.opentest4j.AssertionFailedError;

/**
 * Runs the {@code main} of a test class in a JVM of its own, with the classes of this module and its tests: for a test
 * that uses up the stack or the heap, and with it classes whose initializers meet the end of either.
 */
public final class ChildJvm {
    private static final int SECONDS = 600;

    /** One class of each archive and directory that the library needs. */
    private static final List<Class<?>> LIBRARY = List.of(
            Machine.class,
            MapleTree.class,
            MpscUnboundedVarHandleArrayQueue.class,
            MessagePassingQueue.class,
            IdleStrategy.class);

    /** One class of each archive and directory of the tests. */
    private static final List<Class<?>> TESTS =
            List.of(ChildJvm.class, Assertions.class, AssertionFailedError.class, JUnitException.class);

    private ChildJvm() {}

    /**
     * Runs a class, and fails if it does not end with status 0 in time.
     *
     * @param main the class
     * @param verdict its output if it comes to its end
     * @param options of the JVM
     * @param arguments of the class
     */
    static void run(Class<?> main, String verdict, List<String> options, String... arguments) throws Exception {
        Path out = Files.createTempFile("child", ".txt");
        try {
            Process jvm = new ProcessBuilder(command(main, options, arguments))
                    .redirectErrorStream(true)
                    .redirectOutput(out.toFile())
                    .start();
            boolean ended = jvm.waitFor(SECONDS, TimeUnit.SECONDS);
            jvm.destroyForcibly();
            String said = Files.readString(out);
            assertTrue(ended, () -> main.getSimpleName() + " has not ended after " + SECONDS + " s:\n" + said);
            assertEquals(0, jvm.exitValue(), () -> said);
            assertTrue(said.contains(verdict), said);
        } finally {
            Files.delete(out);
        }
    }

    private static List<String> command(Class<?> main, List<String> options, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(java());
        command.add("-Dsamara.checked=" + System.getProperty("samara.checked", "false"));
        command.addAll(options);
        command.addAll(List.of("-cp", path(Stream.concat(TESTS.stream(), LIBRARY.stream())), main.getName()));
        command.addAll(List.of(arguments));
        return command;
    }

    /** Returns the options that have a client and the library on the class path. */
    public static List<String> onClassPath() {
        return List.of("-cp", path(Stream.concat(Stream.of(ChildJvm.class), LIBRARY.stream())));
    }

    /** Returns the options that have a client on the class path, and the library on the module path. */
    static List<String> onModulePath() {
        return List.of(
                "-p",
                path(LIBRARY.stream()),
                "--add-modules",
                Machine.class.getModule().getName(),
                "-cp",
                path(Stream.of(ChildJvm.class)));
    }

    /** Runs a class of a client with no options but these, and fails if it prints anything. */
    static void runSilently(Class<?> main, List<String> options, List<String> paths) throws Exception {
        List<String> command = new ArrayList<>(List.of(java()));
        command.addAll(options);
        command.addAll(paths);
        command.add(main.getName());
        Path out = Files.createTempFile("client", ".txt");
        try {
            ProcessBuilder client =
                    new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile());
            // With these a JVM prints the options that it has picked up.
            client.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"));
            Process jvm = client.start();
            boolean ended = jvm.waitFor(SECONDS, TimeUnit.SECONDS);
            jvm.destroyForcibly();
            String said = Files.readString(out);
            assertTrue(ended, () -> main.getSimpleName() + " has not ended after " + SECONDS + " s:\n" + said);
            assertEquals("", said, command::toString);
            assertEquals(0, jvm.exitValue());
        } finally {
            Files.delete(out);
        }
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    private static String path(Stream<Class<?>> classes) {
        return classes.map(each -> {
                    try {
                        return home(each).toString();
                    } catch (URISyntaxException impossible) {
                        throw new IllegalStateException(impossible);
                    }
                })
                .collect(Collectors.joining(File.pathSeparator));
    }

    /**
     * Returns the directory or archive of a class; its code source would be that of its module, also if a patch has
     * the class.
     */
    static Path home(Class<?> of) throws URISyntaxException {
        String file = of.getName().substring(of.getPackageName().length() + 1) + ".class";
        String url = Objects.requireNonNull(of.getResource(file)).toString();
        String root = url.substring(0, url.length() - of.getName().length() - ".class".length());
        return Path.of(new URI(root.replaceAll("^jar:|!?/$", "")));
    }
}
