// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.fuzz;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The parsers of bytes that come from outside. Each has a class whose method {@code fuzzerTestOneInput} is a target of
 * Jazzer. That method returns for input that is accepted or refused in the declared way, and throws for a finding.
 */
public enum FuzzTarget {
    /** Recorded traces, parsed and replayed. */
    TRACE(TraceFuzzer.class),
    /** Recorded random operations, parsed and executed. */
    ORACLE(OracleFuzzer.class),
    /** Executable files, loaded into a space. */
    ELF(ElfFuzzer.class),
    /** The bytes that a client of gdb's protocol sends. */
    GDB(GdbFuzzer.class);

    private final Class<?> driver;

    FuzzTarget(Class<?> driver) {
        this.driver = driver;
    }

    /** Returns the class whose method Jazzer calls. */
    Class<?> driver() {
        return driver;
    }

    /** Parses an input. Throws if that is a finding. */
    void accept(byte[] input) throws Exception {
        switch (this) {
            case TRACE -> TraceFuzzer.fuzzerTestOneInput(input);
            case ORACLE -> OracleFuzzer.fuzzerTestOneInput(input);
            case ELF -> ElfFuzzer.fuzzerTestOneInput(input);
            case GDB -> GdbFuzzer.fuzzerTestOneInput(input);
        }
    }

    /** Returns inputs that are accepted, to begin with. */
    List<byte[]> seeds() throws IOException {
        return switch (this) {
            case TRACE -> TraceFuzzer.seeds();
            case ORACLE -> OracleFuzzer.seeds();
            case ELF -> ElfFuzzer.seeds();
            case GDB -> GdbFuzzer.seeds();
        };
    }

    /** Returns the name of its folders. */
    String folder() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Returns the folder of the inputs that were findings once; there is none if nothing was found. */
    Path regressionFolder() {
        return Path.of(System.getProperty("basedir", ""), "src", "test", "resources", "fuzz", folder());
    }

    /** Returns the inputs that were findings once, by the names of their files. */
    Map<String, byte[]> regressions() throws IOException {
        Map<String, byte[]> inputs = new TreeMap<>();
        if (!Files.isDirectory(regressionFolder())) {
            return inputs;
        }
        try (DirectoryStream<Path> files = Files.newDirectoryStream(regressionFolder())) {
            for (Path file : files) {
                inputs.put(String.valueOf(file.getFileName()), Files.readAllBytes(file));
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return inputs;
    }
}
