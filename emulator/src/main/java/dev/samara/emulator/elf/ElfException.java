// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

/** Thrown if a file cannot be executed. The message is one line for the user. */
public final class ElfException extends Exception {
    private static final long serialVersionUID = 1;

    /**
     * Creates an exception about a file.
     *
     * @param file the name by which the user knows the file
     * @param complaint what is wrong with it
     */
    public ElfException(String file, String complaint) {
        this(file + ": " + complaint);
    }

    /**
     * Creates an exception.
     *
     * @param line the whole message
     */
    public ElfException(String line) {
        super(line);
    }
}
