// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

/**
 * The file of a recorded {@code mmap}.
 *
 * @param major major number of its device
 * @param minor minor number of its device
 * @param inode its inode number on the device
 * @param path its path at that time; if it had none, the text of its device and inode
 */
public record FileIdentity(int major, int minor, long inode, String path) {
    /**
     * Reads {@code file=<major>:<minor>:<inode>} and {@code path=}.
     *
     * @param fields the fields of a call that has {@code file=}
     * @return the identity
     * @throws InputException if a field is invalid
     */
    static FileIdentity parse(Fields fields) throws InputException {
        String text = fields.text("file");
        String[] parts = text.split(":", -1);
        if (parts.length != 3) {
            throw fields.fault("file=" + text + " is not <major>:<minor>:<inode>");
        }
        String path = fields.find("path");
        if (path != null && path.isEmpty()) {
            throw fields.fault("path= is empty");
        }
        try {
            return new FileIdentity(
                    Notation.deviceNumber(parts[0]),
                    Notation.deviceNumber(parts[1]),
                    Long.parseUnsignedLong(parts[2]),
                    path == null || path.equals(EscapedWord.EMPTY) ? text : EscapedWord.decode(path));
        } catch (IllegalArgumentException e) {
            throw fields.fault("file=" + text + ": " + e.getMessage());
        }
    }
}
