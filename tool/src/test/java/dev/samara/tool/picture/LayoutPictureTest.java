// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.tool.Xml;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests what a reader finds in the picture of a layout. */
final class LayoutPictureTest {
    private static final List<String> SMALL = List.of(
            "00400000-00401000 r--p 00000000 fe:00 7                                  /bin/small",
            "00401000-00403000 r-xp 00001000 fe:00 7                                  /bin/small",
            "00403000-00404000 rwxp 00000000 00:00 0 ",
            "7ffff7000000-7ffff7021000 rw-s 00000000 00:01 9                          /dev/shm/ring",
            "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]",
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]");

    private static Xml draw(List<String> maps) {
        return Xml.parse(LayoutPicture.of("a layout", maps).svg());
    }

    @Test
    @DisplayName("each mapping has its address, name, size and rights, each gap its size")
    void contents() {
        List<String> texts = draw(SMALL).texts("text");
        for (String text : List.of(
                "a layout",
                "400000",
                "12 KiB",
                "/bin/small \u00d72",
                "anonymous",
                "rwx",
                "7ffff7000000",
                "132 KiB",
                "rw-s",
                "/dev/shm/ring",
                "[stack]",
                "ffffffffff600000",
                "[vsyscall]",
                "128 TiB unmapped",
                "144 MiB unmapped",
                "16 EiB unmapped")) {
            assertTrue(texts.contains(text), () -> text + " is not in " + texts);
        }
        assertTrue(draw(SMALL).texts("title").contains("401000-403000 r-xp 8 KiB /bin/small"));
    }

    @Test
    @DisplayName("each kind of rights has a colour, in the legend too, and shared mappings a thick edge")
    void colours() {
        List<String> styles = draw(SMALL).attributes("rect", "class");
        for (String style : List.of("k1", "k2", "k4", "k3 s", "k3")) {
            assertTrue(styles.contains(style), () -> style + " is not in " + styles);
        }
        assertTrue(draw(List.of()).texts("text").containsAll(List.of("no access", "write and execute", "shared")));
    }

    @Test
    @DisplayName("a name with the characters of XML, controls and lone surrogates leaves the document whole")
    void strangeNames() {
        Xml drawn = draw(List.of("1000-2000 r--p 00000000 fe:00 7 /tmp/<a & \"b\">\u0001\ud800.so"));
        assertTrue(drawn.texts("text").contains("/tmp/<a & \"b\">\\001\ufffd.so"), drawn.texts("text")::toString);
        Xml titled = Xml.parse(LayoutPicture.of("<&\">", SMALL).svg());
        assertEquals(List.of("<&\">"), titled.attributes("svg", "aria-label"));
    }

    @Test
    @DisplayName("a long name is shortened at its beginning, and a viewer shows it whole")
    void longNames() {
        String name = "/a/folder/whose/path/is/longer/than/any/column/of/the/picture/libname.so";
        Xml drawn = draw(List.of("1000-2000 r--p 00000000 fe:00 7 " + name));
        assertFalse(drawn.texts("text").contains(name));
        assertTrue(drawn.texts("text").stream().anyMatch(text -> text.endsWith("/of/the/picture/libname.so")));
        assertTrue(drawn.texts("title").contains(name));
    }

    @Test
    @DisplayName("small neighbours of one name share a box that tells their number, and large ones keep theirs")
    void neighbours() {
        List<String> maps = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            maps.add(line(0x10000 + i, 1, i % 2 == 0 ? "---p" : "rw-p"));
        }
        maps.add(line(0x10000 + 300, 1 << 18, "r--p"));
        LayoutPicture picture = LayoutPicture.of("many", maps);
        assertEquals("301 mappings in 1 row, 1 GiB mapped", picture.summary());
        Xml drawn = Xml.parse(picture.svg());
        assertTrue(drawn.texts("text").contains("anonymous \u00d7301"));
        List<String> hints = drawn.texts("title");
        assertEquals(8, hints.size());
        assertEquals("1012c000-5012c000 r--p 1 GiB", hints.get(7));
        assertEquals(
                300,
                hints.stream()
                        .filter(hint -> hint.endsWith(" mappings"))
                        .mapToInt(hint -> Integer.parseInt(hint.replaceAll(".*, (\\d+) mappings", "$1")))
                        .sum());
    }

    @Test
    @DisplayName("300 mappings with gaps fit a page: three columns, and no row below the end or beside the edge")
    void columns() {
        List<String> maps = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            maps.add(line(0x10000 + 3L * i, 2, "rw-p"));
        }
        Xml drawn = draw(maps);
        double width = Double.parseDouble(drawn.attributes("svg", "width").get(0));
        double height = Double.parseDouble(drawn.attributes("svg", "height").get(0));
        assertTrue(width > 2000 && height < 4200, width + " x " + height);
        for (String x : drawn.attributes("text", "x")) {
            assertTrue(Double.parseDouble(x) < width - 100, x);
        }
        for (String y : drawn.attributes("text", "y")) {
            assertTrue(Double.parseDouble(y) < height, y);
        }
        assertEquals(
                299,
                drawn.texts("text").stream().filter("4 KiB unmapped"::equals).count());
    }

    @Test
    @DisplayName("a layout without mappings and one of the last byte have pictures, and two drawings are equal")
    void edges() {
        assertEquals(
                "0 mappings in 0 rows, 0 B mapped",
                LayoutPicture.of("none", List.of()).summary());
        assertTrue(draw(List.of("0-fffffffffffff000 rw-p 00000000 00:00 0 "))
                .texts("text")
                .contains("16 EiB"));
        assertEquals(
                LayoutPicture.of("a", SMALL).svg(),
                LayoutPicture.of("a", new ArrayList<>(SMALL)).svg());
    }

    @Test
    @DisplayName("sizes have three digits, and the unit above 1023")
    void sizes() {
        assertEquals("0 B", LayoutPicture.ByteCount.format(0));
        assertEquals("1023 B", LayoutPicture.ByteCount.format(1023));
        assertEquals("1020 KiB", LayoutPicture.ByteCount.format(1020L << 10));
        assertEquals("1 MiB", LayoutPicture.ByteCount.format((1L << 20) - 1));
        assertEquals("42.7 TiB", LayoutPicture.ByteCount.format(0x2aaaa0000000L));
        assertEquals("8 EiB", LayoutPicture.ByteCount.format(Long.MIN_VALUE));
        assertEquals("16 EiB", LayoutPicture.ByteCount.format(-1));
    }

    private static String line(long page, long pages, String rights) {
        return String.format(Locale.ROOT, "%08x-%08x %s 00000000 00:00 0 ", page << 12, (page + pages) << 12, rights);
    }
}
