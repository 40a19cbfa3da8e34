// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.GuestText;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Converts between names of host files and the bytes that Linux stores. A {@code Path} made from a string is encoded in
 * the locale of the host, which may not be able to represent every name. A {@code Path} made from a URI contains
 * exactly the bytes of the URI, in any locale.
 */
final class HostNames {
    private static final String UNRESERVED = "-._~/";

    private HostNames() {}

    /**
     * Returns the path of a file below a directory.
     *
     * @param folder an absolute path
     * @param names names below it, separated by slashes, as a text of the guest; empty for the directory itself
     */
    static Path below(Path folder, String names) {
        if (isAscii(names)) {
            return folder.resolve(names);
        }
        String base = folder.toUri().getRawPath();
        return Path.of(URI.create("file://" + base + (base.endsWith("/") ? "" : "/") + encoded(names)));
    }

    /** Returns the path of the target of a symbolic link, a text of the guest that is not empty. */
    static Path target(String text) {
        if (isAscii(text)) {
            return Path.of(text);
        }
        Path absolute = Path.of(URI.create("file:///" + encoded(text)));
        return text.startsWith("/") ? absolute : absolute.subpath(0, absolute.getNameCount());
    }

    /** Returns a path of the host as a text of the guest. */
    static String text(Path path) {
        String known = path.toString();
        if (isAscii(known)) {
            return known;
        }
        List<String> names = new ArrayList<>();
        for (Path name : path) {
            names.add(nameOf(name));
        }
        return (path.isAbsolute() ? "/" : "") + String.join("/", names);
    }

    private static String nameOf(Path name) {
        // The name is resolved as the last name of an absolute path. The path's URI ends with a slash if a directory of
        // that name exists.
        String raw = Path.of("/").resolve(name).toUri().getRawPath();
        return decoded(raw.substring(1, raw.endsWith("/") ? raw.length() - 1 : raw.length()));
    }

    /**
     * Returns false if the text contains a byte that the locale could not decode, because it was decoded as a
     * replacement character.
     */
    private static boolean isAscii(String text) {
        return text.chars().allMatch(each -> each < 0x80);
    }

    private static String encoded(String text) {
        StringBuilder encoded = new StringBuilder();
        for (byte each : GuestText.bytes(text)) {
            char known = (char) (each & 0xff);
            boolean isPlain = known < 0x80 && (Character.isLetterOrDigit(known) || UNRESERVED.indexOf(known) >= 0);
            encoded.append(isPlain ? String.valueOf(known) : String.format("%%%02X", each & 0xff));
        }
        return encoded.toString();
    }

    private static String decoded(String raw) {
        byte[] bytes = new byte[raw.length()];
        int length = 0;
        for (int at = 0; at < raw.length(); at++) {
            if (raw.charAt(at) == '%') {
                bytes[length++] = (byte) Integer.parseInt(raw.substring(at + 1, at + 3), 16);
                at += 2;
            } else {
                bytes[length++] = (byte) raw.charAt(at);
            }
        }
        return new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
    }
}
