// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.backing.HostFileException;
import dev.samara.core.fixture.ChildJvm;
import dev.samara.testing.Incidents;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The errno of an exception of the JDK")
final class HostErrorsTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    @ParameterizedTest(name = "{0}: {1}")
    @DisplayName("of java.io is known by the text after the name of the file, and is ENOENT without one:")
    @CsvSource({
        "is a directory (Permission denied), EACCES",
        "a (b) (Is a directory), EISDIR",
        "f (Not a directory), ENOTDIR",
        "f (No such file or directory), ENOENT",
        "f (Too many open files), EMFILE",
        "Permission denied, ENOENT",
    })
    void ofJavaIo(String message, Errno errno) {
        assertEquals(errno, Errno.of(new FileNotFoundException(message)));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @DisplayName("is known by the text of the system, whatever the name of the file:")
    @CsvSource({
        "Operation not permitted, EPERM",
        "Not a directory, ENOTDIR",
        "Is a directory, EISDIR",
        "Read-only file system, EROFS",
        "Too many levels of symbolic links or unable to access attributes of symbolic link, ELOOP",
        "Too many levels of symbolic links (NOFOLLOW_LINKS specified), ELOOP",
        "File name too long, ENAMETOOLONG",
        "Text file busy, ETXTBSY",
        "Too many open files in system, ENFILE",
        "Too many open files, EMFILE",
        "Cannot allocate memory, ENOMEM",
        "No space left on device, ENOSPC",
        "There is not enough space on the disk, ENOSPC",
        "The media is write protected, EROFS",
        "Disk quota exceeded, EDQUOT",
        "Disc quota exceeded, EDQUOT",
        "File too large, EFBIG",
        "Directory not empty, ENOTEMPTY",
        "Invalid cross-device link, EXDEV",
        "Too many links, EMLINK",
        "Broken pipe, EPIPE",
        "Input/output error, EIO",
        "No such device, ENODEV",
        "No such device or address, ENXIO",
        "Filename too long, ENAMETOOLONG",
        "Cross-device link, EXDEV",
        "No file descriptors available, EMFILE",
        "Out of memory, ENOMEM",
        "Resource busy, EBUSY",
        "Symbolic link loop, ELOOP",
    })
    void english(String reason, Errno errno) {
        assertEquals(errno, Errno.of(new FileSystemException("is a directory", null, reason)));
        assertEquals(errno, Errno.of(new IOException(reason)));
    }

    @Test
    @DisplayName("is known by the class of the exception, or by the text, of what the host reports")
    void host() throws Exception {
        assertEquals(
                List.of(Errno.ENOENT, Errno.EEXIST, Errno.ENOTDIR, Errno.ELOOP, Errno.ENAMETOOLONG, Errno.EISDIR),
                Foreign.errors(folder));
        Files.createDirectory(folder.resolve("full"));
        Files.createFile(folder.resolve("full/file"));
        Files.createDirectory(folder.resolve("empty"));
        assertEquals(
                Errno.ENOTEMPTY,
                Errno.of(assertThrows(
                        IOException.class,
                        () -> Files.move(
                                folder.resolve("empty"), folder.resolve("full"), StandardCopyOption.ATOMIC_MOVE))));
    }

    @Test
    @DisplayName("is that of a HostFileException")
    void hostFile() {
        for (Errno each : Errno.values()) {
            assertEquals(each, Errno.of(new HostFileException("Is a directory", "pread(0, 8)", each)));
        }
    }

    @Test
    @DisplayName("is EIO for an unknown text, which is logged once, and for no text, which is not logged")
    void unknown() {
        IOException failure = new FileSystemException("Not a directory", null, "Remote trouble");
        assertEquals(Errno.EIO, Errno.of(failure));
        assertSame(
                failure,
                Incidents.take("EIO is returned for an unknown error of the host, 'Remote trouble'")
                        .cause());
        assertEquals(Errno.EIO, Errno.of(failure));
        assertEquals(Errno.EIO, Errno.of(new IOException()));
    }

    @ParameterizedTest
    @DisplayName("is known by the texts of the catalogues of each language that a variable of the environment names:")
    @ValueSource(
            strings = {
                "LANGUAGE=xx:en",
                "LANGUAGE=en:xx_YY",
                "LC_ALL=xx_YY.UTF-8",
                "LC_MESSAGES=xx_YY.ISO-8859-1@zz",
                "LANG=xx@zz",
                "LANG=xx"
            })
    void catalogues(String variable) throws IOException {
        write("xx", ByteOrder.LITTLE_ENDIAN, "No space left on device", "Płatz fehlt", "of no error", "Egal");
        String[] parts = variable.split("=", 2);
        assertEquals(
                Map.of("Płatz fehlt", Errno.ENOSPC),
                HostErrors.translations(Map.of(parts[0], parts[1]), List.of(folder), StandardCharsets.UTF_8));
    }

    @Test
    @DisplayName("is known by the text of a dialect as well as by that of its language, in either byte order")
    void dialects() throws IOException {
        write("xx", ByteOrder.LITTLE_ENDIAN, "Is a directory", "Ordner");
        write("xx_YY@zz", ByteOrder.BIG_ENDIAN, "Is a directory", "Verzeichnis", "Broken pipe", "Rohr kaputt");
        assertEquals(
                Map.of("Ordner", Errno.EISDIR, "Verzeichnis", Errno.EISDIR, "Rohr kaputt", Errno.EPIPE),
                HostErrors.translations(
                        Map.of("LANG", "xx_YY.UTF-8@zz", "LC_ALL", "../xx"), List.of(folder), StandardCharsets.UTF_8));
    }

    @Test
    @DisplayName("is known although the encoding of the process lacks letters, unless two texts become the same")
    void narrowEncoding() throws IOException {
        write(
                "xx",
                ByteOrder.LITTLE_ENDIAN,
                "No space left on device",
                "Gerät voll",
                "Is a directory",
                "ありま",
                "Not a directory",
                "せんで");
        Charset ascii = StandardCharsets.US_ASCII;
        assertEquals(
                Map.of("Ger?t voll", Errno.ENOSPC),
                HostErrors.translations(Map.of("LANG", "xx"), List.of(folder), ascii));
    }

    @ParameterizedTest
    @DisplayName("is the same in a process of another language")
    @ValueSource(strings = {"de_DE.UTF-8", "tr_TR.UTF-8"})
    void otherLanguage(String locale) throws Exception {
        Path out = folder.resolve("out");
        Process jvm = ChildJvm.begin(Foreign.class, Map.of("LC_ALL", locale), out, folder.toString());
        assertEquals(0, jvm.waitFor());
        List<String> printed = Files.readAllLines(out);
        assumeTrue(!printed.get(0).contains("directory"), "the host has no texts in the language");
        assertEquals(
                "[ENOENT, EEXIST, ENOTDIR, ELOOP, ENAMETOOLONG, EISDIR], and of a full device ENOSPC", printed.get(1));
    }

    /** Writes a catalogue of gettext, of texts and their translations. */
    private void write(String language, ByteOrder order, String... texts) throws IOException {
        List<String> all = new ArrayList<>(List.of("", "Content-Type: text/plain; charset=UTF-8\n"));
        all.addAll(Arrays.asList(texts));
        int entries = all.size() / 2;
        ByteBuffer bytes = ByteBuffer.allocate(4096).order(order);
        bytes.putInt(0x950412de).putInt(0).putInt(entries).putInt(28).putInt(28 + 8 * entries);
        int at = 28 + 16 * entries;
        for (int i = 0; i < all.size(); i++) {
            byte[] text = all.get(i).getBytes(StandardCharsets.UTF_8);
            bytes.putInt(28 + 8 * entries * (i % 2) + 8 * (i / 2), text.length);
            bytes.putInt(32 + 8 * entries * (i % 2) + 8 * (i / 2), at);
            bytes.position(at).put(text);
            at += text.length + 1;
        }
        Path messages = Files.createDirectories(folder.resolve(language).resolve("LC_MESSAGES"));
        Files.write(messages.resolve("libc.mo"), bytes.array());
    }

    /** Provokes errors of the host. */
    static final class Foreign {
        private Foreign() {}

        static List<Errno> errors(Path folder) throws Exception {
            Path file = Files.createFile(folder.resolve("f"));
            Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
            List<Callable<FileChannel>> opens = new ArrayList<>();
            opens.add(() -> FileChannel.open(folder.resolve("none")));
            opens.add(() -> FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW));
            for (Path path : List.of(file.resolve("x"), loop, folder.resolve("n".repeat(256)))) {
                opens.add(() -> FileChannel.open(path));
            }
            opens.add(() -> FileChannel.open(folder, StandardOpenOption.WRITE));
            List<Errno> errors = new ArrayList<>();
            for (Callable<FileChannel> open : opens) {
                errors.add(Errno.of(failure(open)));
            }
            return errors;
        }

        private static IOException failure(Callable<FileChannel> open) throws Exception {
            try (FileChannel opened = open.call()) {
                throw new IllegalStateException(opened + " is open");
            } catch (IOException expected) {
                return expected;
            }
        }

        public static void main(String[] arguments) throws Exception {
            Path folder = Path.of(arguments[0]);
            List<Errno> errors = errors(folder);
            System.out.println(failure(() -> FileChannel.open(folder.resolve("f/x"), StandardOpenOption.WRITE)));
            IOException full = failure(() -> {
                FileChannel device = FileChannel.open(Path.of("/dev/full"), StandardOpenOption.WRITE);
                device.write(ByteBuffer.allocate(1));
                return device;
            });
            System.out.println(errors + ", and of a full device " + Errno.of(full));
        }
    }
}
