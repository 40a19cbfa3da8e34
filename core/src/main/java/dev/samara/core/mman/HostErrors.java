// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Finds the error of the host behind an exception of the JDK. The JDK has exception classes for a few errors. For the
 * others it only provides the text of {@code strerror}, which the GNU C library translates into the language of the
 * process. The translations are in a catalogue on the host, where this class looks up the texts that are not English.
 *
 * <p>The catalogue contains every error. Provoking the errors, to see their texts, would miss those that need a full
 * quota, a read-only file system or many open files.
 */
final class HostErrors {
    private static final Map<Class<? extends IOException>, Errno> BY_CLASS = Map.of(
            NoSuchFileException.class, Errno.ENOENT,
            FileAlreadyExistsException.class, Errno.EEXIST,
            AccessDeniedException.class, Errno.EACCES,
            DirectoryNotEmptyException.class, Errno.ENOTEMPTY,
            NotDirectoryException.class, Errno.ENOTDIR,
            NotLinkException.class, Errno.EINVAL,
            FileSystemLoopException.class, Errno.ELOOP,
            AtomicMoveNotSupportedException.class, Errno.EXDEV);

    /** The English texts of the GNU C library, which are also the keys of its catalogues. */
    private static final Map<String, Errno> ENGLISH = Map.ofEntries(
            Map.entry("Operation not permitted", Errno.EPERM),
            Map.entry("No such file or directory", Errno.ENOENT),
            Map.entry("Input/output error", Errno.EIO),
            Map.entry("No such device or address", Errno.ENXIO),
            Map.entry("Cannot allocate memory", Errno.ENOMEM),
            Map.entry("Permission denied", Errno.EACCES),
            Map.entry("Device or resource busy", Errno.EBUSY),
            Map.entry("File exists", Errno.EEXIST),
            Map.entry("Invalid cross-device link", Errno.EXDEV),
            Map.entry("No such device", Errno.ENODEV),
            Map.entry("Not a directory", Errno.ENOTDIR),
            Map.entry("Is a directory", Errno.EISDIR),
            Map.entry("Invalid argument", Errno.EINVAL),
            Map.entry("Too many open files in system", Errno.ENFILE),
            Map.entry("Too many open files", Errno.EMFILE),
            Map.entry("Text file busy", Errno.ETXTBSY),
            Map.entry("File too large", Errno.EFBIG),
            Map.entry("No space left on device", Errno.ENOSPC),
            Map.entry("Read-only file system", Errno.EROFS),
            Map.entry("Too many links", Errno.EMLINK),
            Map.entry("Broken pipe", Errno.EPIPE),
            Map.entry("File name too long", Errno.ENAMETOOLONG),
            Map.entry("Directory not empty", Errno.ENOTEMPTY),
            Map.entry("Too many levels of symbolic links", Errno.ELOOP),
            Map.entry("Operation not supported", Errno.EOPNOTSUPP),
            Map.entry("Disk quota exceeded", Errno.EDQUOT));

    /** Parts of texts of other systems. */
    private static final Map<String, Errno> ELSEWHERE = Map.of(
            "quota exceeded", Errno.EDQUOT,
            "write protected", Errno.EROFS,
            "not enough space", Errno.ENOSPC,
            "filename too long", Errno.ENAMETOOLONG,
            "cross-device link", Errno.EXDEV,
            "no file descriptors available", Errno.EMFILE,
            "out of memory", Errno.ENOMEM,
            "resource busy", Errno.EBUSY,
            "symbolic link loop", Errno.ELOOP);

    /** The text that the JDK appends to some texts of the system. */
    private static final Pattern APPENDED =
            Pattern.compile(" (or unable to access attributes of symbolic link|\\(NOFOLLOW_LINKS specified\\))$");

    /** The text of the system in a message of {@code java.io}, after the name of the file. */
    private static final Pattern REASON = Pattern.compile("\\(([^()]*)\\)$");

    /** The folders below which the GNU C library of the usual distributions looks for its catalogues. */
    private static final List<Path> CATALOGUES =
            List.of(Path.of("/usr/share/locale"), Path.of("/usr/share/locale-langpack"));

    /** A locale, such as {@code sr_RS.UTF-8@latin}: language, territory, encoding and modifier. */
    private static final Pattern LOCALE = Pattern.compile("([a-z]+)(_[A-Za-z0-9]+)?(\\.[^@]*)?(@[a-z]+)?");

    private static final int MAGIC = 0x950412de;

    private static final Pattern CHARSET = Pattern.compile("charset=(\\S+)");

    /** The maximum number of unknown texts that are logged. */
    private static final int LOGGED = 100;

    private static final Set<String> UNKNOWN = ConcurrentHashMap.newKeySet();

    /** Racy, benign because each thread reads the same catalogues, and the map is immutable. */
    private static @Nullable Map<String, Errno> translations;

    private HostErrors() {}

    /** Returns the error of a failure; EIO if it is unknown, whose text is then logged once. */
    static Errno of(IOException failure) {
        String text = textOf(failure);
        if (failure instanceof FileNotFoundException) {
            // Any failure of an open by java.io.
            Errno reason = text == null ? null : english(text);
            reason = reason == null && text != null ? translated(text, failure) : reason;
            return reason == null ? Errno.ENOENT : reason;
        }
        Errno known = byClass(failure);
        if (known == null) {
            known = text == null ? Errno.EIO : english(text);
        }
        if (known == null && text != null) {
            known = translated(text, failure);
        }
        if (known == null) {
            log(String.valueOf(text), failure);
        }
        return known == null ? Errno.EIO : known;
    }

    /** Returns the text of the system. The message of some exceptions also contains the name of the file. */
    private static @Nullable String textOf(IOException failure) {
        String text = failure instanceof FileSystemException named ? named.getReason() : failure.getMessage();
        if (text == null || !(failure instanceof FileNotFoundException)) {
            return text;
        }
        Matcher reason = REASON.matcher(text);
        return reason.find() ? reason.group(1) : null;
    }

    private static @Nullable Errno byClass(IOException failure) {
        for (Map.Entry<Class<? extends IOException>, Errno> known : BY_CLASS.entrySet()) {
            if (known.getKey().isInstance(failure)) {
                return known.getValue();
            }
        }
        return null;
    }

    private static @Nullable Errno english(String text) {
        // The text of a HostFileException, which this package cannot see, ends with the name of its error.
        for (Errno each : Errno.values()) {
            if (text.endsWith(": " + each)) {
                return each;
            }
        }
        String lower = text.toLowerCase(Locale.ROOT);
        String longest = "";
        Errno found = null;
        for (Map<String, Errno> texts : List.of(ENGLISH, ELSEWHERE)) {
            for (Map.Entry<String, Errno> known : texts.entrySet()) {
                // One text may be part of another, such as "No such device".
                String part = known.getKey();
                if (part.length() > longest.length() && lower.contains(part.toLowerCase(Locale.ROOT))) {
                    longest = part;
                    found = known.getValue();
                }
            }
        }
        return found;
    }

    private static @Nullable Errno translated(String text, IOException failure) {
        Map<String, Errno> known = translations;
        if (known == null) {
            try {
                known = translations(
                        System.getenv(), CATALOGUES, charset(System.getProperty("sun.jnu.encoding", "UTF-8")));
            } catch (IOException | RuntimeException unreadable) {
                failure.addSuppressed(unreadable); // logged with the unknown text
                return null;
            }
            translations = known;
        }
        return known.get(APPENDED.matcher(text).replaceFirst(""));
    }

    private static Charset charset(String name) {
        return Charset.isSupported(name) ? Charset.forName(name) : StandardCharsets.UTF_8;
    }

    /**
     * Reads the translated texts of the languages that an environment names.
     *
     * @param environment the variables of the process; if it names several languages, the system uses one of them
     * @param folders the folders of the languages
     * @param encoding the encoding of the process, whose texts contain a question mark for each letter that the
     *     encoding does not support. A text that then stands for two errors is left out
     */
    static Map<String, Errno> translations(Map<String, String> environment, List<Path> folders, Charset encoding)
            throws IOException {
        Map<String, EnumSet<Errno>> found = new HashMap<>();
        for (String language : languages(environment)) {
            for (Path folder : folders) {
                Path catalogue = folder.resolve(language).resolve("LC_MESSAGES").resolve("libc.mo");
                if (Files.isReadable(catalogue)) {
                    add(ByteBuffer.wrap(Files.readAllBytes(catalogue)), encoding, found);
                }
            }
        }
        Map<String, Errno> unique = new HashMap<>();
        found.forEach((text, errors) -> {
            if (errors.size() == 1) {
                unique.put(text, errors.iterator().next());
            }
        });
        return Map.copyOf(unique);
    }

    private static Set<String> languages(Map<String, String> environment) {
        Set<String> languages = new LinkedHashSet<>();
        for (String variable : List.of("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")) {
            for (String value : environment.getOrDefault(variable, "").split(":", -1)) {
                Matcher locale = LOCALE.matcher(value);
                if (locale.matches()) {
                    String language = locale.group(1);
                    String territory = locale.group(2) == null ? "" : locale.group(2);
                    String modifier = locale.group(4) == null ? "" : locale.group(4);
                    languages.addAll(List.of(
                            language + territory + modifier, language + modifier, language + territory, language));
                }
            }
        }
        return languages;
    }

    /** Adds the texts of a catalogue, whose format is that of GNU gettext. */
    private static void add(ByteBuffer catalogue, Charset encoding, Map<String, EnumSet<Errno>> found) {
        catalogue.order(catalogue.getInt(0) == MAGIC ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        int texts = catalogue.getInt(8);
        int originals = catalogue.getInt(12);
        int translated = catalogue.getInt(16);
        Charset charset = StandardCharsets.UTF_8;
        for (int i = 0; i < texts; i++) {
            String original = text(catalogue, originals + 8 * i, StandardCharsets.US_ASCII);
            if (original.isEmpty()) { // the first one, whose translation is the header
                Matcher named = CHARSET.matcher(text(catalogue, translated + 8 * i, StandardCharsets.US_ASCII));
                charset = charset(named.find() ? named.group(1) : "UTF-8");
            }
            Errno errno = ENGLISH.get(original);
            if (errno != null) {
                byte[] shown = text(catalogue, translated + 8 * i, charset).getBytes(encoding);
                found.computeIfAbsent(new String(shown, encoding), text -> EnumSet.noneOf(Errno.class))
                        .add(errno);
            }
        }
    }

    private static String text(ByteBuffer catalogue, int entry, Charset charset) {
        byte[] bytes = new byte[catalogue.getInt(entry)];
        catalogue.get(catalogue.getInt(entry + 4), bytes);
        return new String(bytes, charset);
    }

    private static void log(String text, IOException failure) {
        if (UNKNOWN.size() < LOGGED && UNKNOWN.add(text)) {
            System.getLogger("dev.samara.core")
                    .log(
                            System.Logger.Level.WARNING,
                            "EIO is returned for an unknown error of the host, '" + text
                                    + "'; if this is not English, start the JVM with LC_MESSAGES=C",
                            failure);
        }
    }
}
