// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.fuzz;

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
 * A parser of untrusted bytes. The parsers of a module are the constants of an enum. Jazzer fuzzes each through the
 * method {@code fuzzerTestOneInput} of a driver class. That method returns if the parser accepts the input or rejects
 * it in the declared way, and throws for a finding.
 */
public interface FuzzTarget {
    /** {@return the name of the constant} */
    String name();

    /** {@return the class whose method Jazzer calls} */
    Class<?> driver();

    /**
     * Parses an input.
     *
     * @param input the bytes
     * @throws Exception if the input is a finding
     */
    void accept(byte[] input) throws Exception;

    /**
     * {@return accepted inputs, from which the fuzzer derives further ones}
     *
     * @throws IOException if an input cannot be read
     */
    List<byte[]> seeds() throws IOException;

    /** {@return the name of the target's directories} */
    default String folder() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** {@return the directory of earlier findings; it does not exist if there were no findings} */
    default Path regressionFolder() {
        return Path.of(System.getProperty("basedir", ""), "src", "test", "resources", "fuzz", folder());
    }

    /**
     * {@return the inputs of earlier findings, by file name}
     *
     * @throws IOException if an input cannot be read
     */
    default Map<String, byte[]> regressions() throws IOException {
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
