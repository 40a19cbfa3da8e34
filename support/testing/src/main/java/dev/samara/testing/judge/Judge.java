// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.judge;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a running judge. The judge's first task only executes requests; these also create its child processes
 * and threads. May be used by only one thread at a time. A request that blocks in the kernel blocks the caller, unless
 * it is sent with {@link Task#begin}.
 */
public final class Judge implements AutoCloseable {
    /** The name of the judge that runs on the kernel of an x86-64 machine. */
    public static final String X86_64 = "judge-x86-64";

    /** The name of the judge that runs in the emulator. */
    public static final String RV64 = "judge-rv64";

    private final OutputStream requests;
    private final InputStream answers;
    private final @Nullable Process process;
    private final long scratch;
    private final long scratchLength;
    private final long brk;
    private final Task first;

    private Judge(OutputStream requests, InputStream answers, @Nullable Process process) {
        this.requests = requests;
        this.answers = answers;
        this.process = process;
        String[] greeting = readLine().split(" ", -1);
        if (greeting.length != 10 || !greeting[0].equals("judge")) {
            throw new IllegalStateException("'" + String.join(" ", greeting) + "' is no greeting of a judge");
        }
        scratch = Long.parseUnsignedLong(greeting[3], 16);
        scratchLength = Long.parseUnsignedLong(greeting[5], 16);
        brk = Long.parseUnsignedLong(greeting[7], 16);
        first = new Task(this, "");
    }

    /**
     * Starts the x86-64 judge as a process.
     *
     * @param directory the directory for its program, which is also its working directory
     * @param prefix a command that runs the program, e.g. {@code setpriv} with its options; usually empty
     * @return the judge, after its greeting
     * @throws IOException if it cannot be started
     */
    public static Judge start(Path directory, List<String> prefix) throws IOException {
        Path program = put(X86_64, directory);
        List<String> command = new ArrayList<>(prefix);
        command.add(program.toString());
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        return new Judge(
                new BufferedOutputStream(process.getOutputStream()),
                new BufferedInputStream(process.getInputStream()),
                process);
    }

    /**
     * Connects to a judge that is running already. Returns after its greeting.
     *
     * @param requests its standard input
     * @param answers its standard output
     * @return the judge
     */
    public static Judge connect(OutputStream requests, InputStream answers) {
        return new Judge(requests, answers, null);
    }

    /**
     * Writes one of the judge programs into a directory, as an executable file.
     *
     * @param name {@link #X86_64} or {@link #RV64}
     * @param directory the directory
     * @return its path
     * @throws IOException if it cannot be written
     */
    public static Path put(String name, Path directory) throws IOException {
        Path program = directory.resolve(name);
        try (InputStream from = Judge.class.getResourceAsStream(name)) {
            if (from == null) {
                throw new IllegalArgumentException("name=" + name + " is no program of a judge");
            }
            Files.write(program, from.readAllBytes());
        }
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        return program;
    }

    /**
     * Returns the first task.
     *
     * @return the task
     */
    public Task first() {
        return first;
    }

    /**
     * Returns the address of a zeroed area of memory for arguments, which is the same in each task.
     *
     * @return its address
     */
    public long scratch() {
        return scratch;
    }

    /**
     * Returns the length of the area at {@link #scratch}, in bytes.
     *
     * @return its length
     */
    public long scratchLength() {
        return scratchLength;
    }

    /**
     * Returns the initial program break.
     *
     * @return its address
     */
    public long brk() {
        return brk;
    }

    /** Sends a request. */
    void send(String request) {
        try {
            requests.write(request.getBytes(StandardCharsets.ISO_8859_1));
            requests.write('\n');
            requests.flush();
        } catch (IOException failed) {
            throw new UncheckedIOException("the judge has ended before '" + request + "'", failed);
        }
    }

    /** Reads the rest of a line. */
    String readLine() {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try {
            int next = answers.read();
            while (next != '\n') {
                if (next < 0) {
                    throw new EOFException(
                            "the judge has ended, after '" + line.toString(StandardCharsets.ISO_8859_1) + "'");
                }
                line.write(next);
                next = answers.read();
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        return line.toString(StandardCharsets.ISO_8859_1);
    }

    /** Reads bytes that follow a line. */
    byte[] readBytes(int length) {
        try {
            byte[] bytes = answers.readNBytes(length);
            if (bytes.length != length) {
                throw new EOFException("the judge has ended within " + length + " bytes");
            }
            return bytes;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /**
     * Ends the judge with all its tasks.
     *
     * @throws IOException if a stream cannot be closed
     */
    @Override
    public void close() throws IOException {
        if (process != null) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
        requests.close();
        answers.close();
    }
}
