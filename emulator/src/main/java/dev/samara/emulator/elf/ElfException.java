// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

/** A file that cannot be executed; the message is one line for a person. */
public final class ElfException extends Exception {
    private static final long serialVersionUID = 1;

    /**
     * Makes the failure of a file.
     *
     * @param file what the user calls it
     * @param complaint what is wrong with it
     */
    public ElfException(String file, String complaint) {
        this(file + ": " + complaint);
    }

    /**
     * Makes a failure.
     *
     * @param line the whole line
     */
    public ElfException(String line) {
        super(line);
    }
}
