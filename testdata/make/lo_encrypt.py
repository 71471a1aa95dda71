"""Saves a spreadsheet with the password "secret" through a LibreOffice macro.

    encrypt(source, target, "MS Excel 97" | "Calc MS Excel 2007 XML" | "calc8")
"""

import os
import subprocess
import tempfile

LIBRARIES = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:libraries PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "libraries.dtd">
<library:libraries xmlns:library="http://openoffice.org/2000/library" xmlns:xlink="http://www.w3.org/1999/xlink">
 <library:library library:name="Standard" xlink:href="$(USER)/basic/Standard/script.xlb/" xlink:type="simple" library:link="false"/>
</library:libraries>"""
LIBRARY = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:library PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "library.dtd">
<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" library:readonly="false" library:passwordprotected="false">
 <library:element library:name="Module1"/>
</library:library>"""
MODULE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">
<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1" script:language="StarBasic">
Sub Main(source As String, target As String, filterName As String)
  Dim a(0) As New com.sun.star.beans.PropertyValue
  a(0).Name = "Hidden" : a(0).Value = True
  doc = StarDesktop.loadComponentFromURL(source, "_blank", 0, a())
  Dim b(1) As New com.sun.star.beans.PropertyValue
  b(0).Name = "FilterName" : b(0).Value = filterName
  b(1).Name = "Password" : b(1).Value = "secret"
  doc.storeToURL(target, b())
  doc.close(True)
End Sub
</script:module>"""


def encrypt(source, target, filter_name):
    with tempfile.TemporaryDirectory() as profile:
        folder = os.path.join(profile, "user", "basic", "Standard")
        for _ in range(2):            # the first run only makes the profile (and forgets the macro)
            os.makedirs(folder, exist_ok=True)
            for place, text in (("../script.xlc", LIBRARIES), ("script.xlb", LIBRARY), ("Module1.xba", MODULE)):
                with open(os.path.join(folder, place), "w", encoding="utf-8") as out:
                    out.write(text)
            subprocess.run(["soffice", "--headless", "--norestore", "-env:UserInstallation=file://" + profile,
                            'macro:///Standard.Module1.Main("file://%s","file://%s","%s")'
                            % (os.path.abspath(source), os.path.abspath(target), filter_name)],
                           timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if os.path.exists(target):
                return
    raise RuntimeError("LibreOffice wrote nothing")
